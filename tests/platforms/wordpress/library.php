<?php
// Prints how many items the library has, and how many tags there are.
require getenv('STEERSMAN_WP_SITE') . '/wp-load.php';
echo array_sum((array) wp_count_attachments()), ' ', wp_count_terms(['taxonomy' => 'post_tag', 'hide_empty' => false]);
