<?php
// Makes a user with a role, if there is none, and prints a new application password of theirs.
require getenv('STEERSMAN_WP_SITE') . '/wp-load.php';
[, $name, $role] = $argv;
$user = get_user_by('login', $name);
$id = $user ? $user->ID : wp_insert_user([
    'user_login' => $name, 'user_pass' => wp_generate_password(), 'user_email' => "$name@example.com", 'role' => $role,
]);
if (is_wp_error($id)) {
    fwrite(STDERR, $id->get_error_message());
    exit(1);
}
$made = WP_Application_Passwords::create_new_application_password($id, ['name' => 'steersman ' . wp_generate_uuid4()]);
if (is_wp_error($made)) {
    fwrite(STDERR, $made->get_error_message());
    exit(1);
}
echo $made[0];
