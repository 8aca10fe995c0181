<?php
// Replaces the content of a post, as its owner would in the editor.
require getenv('STEERSMAN_WP_SITE') . '/wp-load.php';
wp_update_post(['ID' => (int) $argv[1], 'post_content' => $argv[2]]);
