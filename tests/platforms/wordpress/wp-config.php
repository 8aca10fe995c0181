<?php
// The settings of one test's WordPress; where it is comes from the environment.
define('DB_NAME', 'wordpress');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:' . getenv('STEERSMAN_WP_SOCKET'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('WP_HOME', getenv('STEERSMAN_WP_URL'));
define('WP_SITEURL', getenv('STEERSMAN_WP_URL'));
define('WP_CONTENT_DIR', getenv('STEERSMAN_WP_SITE') . '/wp-content');
// Application passwords need https, or a site that says it is local.
define('WP_ENVIRONMENT_TYPE', 'local');
// Nothing leaves this machine, and nothing is done behind a test's back.
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT'] as $name) {
    define($name, 'a salt of a test ' . $name);
}
$table_prefix = 'wp_';
if (!defined('ABSPATH')) {
    define('ABSPATH', getenv('STEERSMAN_WP_SITE') . '/');
}
require_once ABSPATH . 'wp-settings.php';
