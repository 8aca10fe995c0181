<?php
// Takes every post away for good, whatever its status.
require getenv('STEERSMAN_WP_SITE') . '/wp-load.php';
$every = ['publish', 'private', 'future', 'pending', 'draft', 'trash'];
foreach (get_posts(['post_status' => $every, 'numberposts' => -1]) as $post) {
    wp_delete_post($post->ID, true);
}
