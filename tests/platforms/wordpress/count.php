<?php
// Prints how many published posts there are by the slug they were meant to have.
require getenv('STEERSMAN_WP_SITE') . '/wp-load.php';
$found = [];
foreach (get_posts(['post_status' => ['publish', 'private', 'future'], 'numberposts' => -1]) as $post) {
    $slug = preg_replace('/(?<=-\d{3})-\d{1,2}$/', '', $post->post_name);
    $found[$slug] = ($found[$slug] ?? 0) + 1;
}
echo $found ? json_encode($found) : '{}';
