<?php
// Sets the style of addresses, as Settings > Permalinks does.
require getenv('STEERSMAN_WP_SITE') . '/wp-load.php';
global $wp_rewrite;
$wp_rewrite->set_permalink_structure($argv[1]);
$wp_rewrite->flush_rules(false);
