-- The tables of Server 1, as the models make them, for MariaDB 10.6+ and MySQL 8. May be run again.
-- Blaster makes and updates its tables itself when it starts. This file is for those who want to read or do it first:
--
--   CREATE DATABASE campaign_db CHARACTER SET utf8mb4;
--   mysql -u root -p campaign_db < sql/schema_campaign.sql
--
-- Written by scripts/schema_sql.py: change the models, not this file.

CREATE TABLE IF NOT EXISTS `api_tokens` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `name` VARCHAR(80) NOT NULL,
  `digest` VARCHAR(64) NOT NULL,
  `ending` VARCHAR(8) NOT NULL,
  `scopes` VARCHAR(60) NOT NULL,
  `minute` BIGINT NOT NULL DEFAULT 0,
  `calls` INTEGER NOT NULL DEFAULT 0,
  `used_at` BIGINT NOT NULL DEFAULT 0,
  `created_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'api_tokens')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'api_tokens' AND index_name = 'api_tokens_user_id'),
  'CREATE INDEX `api_tokens_user_id` ON `api_tokens` (`user_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'api_tokens')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'api_tokens' AND index_name = 'api_tokens_digest'),
  'CREATE UNIQUE INDEX `api_tokens_digest` ON `api_tokens` (`digest`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `attachments` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `campaign_id` BIGINT NOT NULL,
  `filename` VARCHAR(120) NOT NULL,
  `content_type` VARCHAR(120) NOT NULL DEFAULT 'application/octet-stream',
  `size` INTEGER NOT NULL DEFAULT 0,
  `data` LONGBLOB NOT NULL,
  `created_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'attachments')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'attachments' AND index_name = 'attachments_campaign_id'),
  'CREATE INDEX `attachments_campaign_id` ON `attachments` (`campaign_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `audit_log` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `at` BIGINT NOT NULL,
  `actor_id` BIGINT NOT NULL DEFAULT 0,
  `user_id` BIGINT NOT NULL DEFAULT 0,
  `act` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `target` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  `target_id` BIGINT NOT NULL DEFAULT 0,
  `details` VARCHAR(500) NOT NULL DEFAULT '',
  `client` VARCHAR(45) NOT NULL DEFAULT ''
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'audit_log')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'audit_log' AND index_name = 'audit_log_at'),
  'CREATE INDEX `audit_log_at` ON `audit_log` (`at`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'audit_log')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'audit_log' AND index_name = 'audit_log_user_id_id'),
  'CREATE INDEX `audit_log_user_id_id` ON `audit_log` (`user_id`, `id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'audit_log')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'audit_log' AND index_name = 'audit_log_actor_id_id'),
  'CREATE INDEX `audit_log_actor_id_id` ON `audit_log` (`actor_id`, `id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'audit_log')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'audit_log' AND index_name = 'audit_log_act_id'),
  'CREATE INDEX `audit_log_act_id` ON `audit_log` (`act`, `id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `campaign_master` (
  `campaign_id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `list_id` BIGINT,
  `name` VARCHAR(120) NOT NULL,
  `subject` VARCHAR(500) NOT NULL DEFAULT '',
  `preheader` VARCHAR(200) NOT NULL DEFAULT '',
  `sender_name` VARCHAR(120) NOT NULL DEFAULT '',
  `sender_email` VARCHAR(254) NOT NULL DEFAULT '',
  `reply_to` VARCHAR(254) NOT NULL DEFAULT '',
  `html` LONGTEXT,
  `text` LONGTEXT,
  `rich` LONGTEXT,
  `saved_by` VARCHAR(24) NOT NULL DEFAULT '',
  `send_windows` LONGTEXT,
  `tracks_opens` BOOL NOT NULL DEFAULT 0,
  `tracks_clicks` BOOL NOT NULL DEFAULT 0,
  `created_at` BIGINT NOT NULL DEFAULT 0,
  `updated_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'campaign_master')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'campaign_master' AND index_name = 'campaign_master_user_id_campaign_id'),
  'CREATE INDEX `campaign_master_user_id_campaign_id` ON `campaign_master` (`user_id`, `campaign_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `campaign_minutes` (
  `campaign_id` BIGINT NOT NULL,
  `minute` BIGINT NOT NULL,
  `sent` INTEGER NOT NULL DEFAULT 0,
  `failed` INTEGER NOT NULL DEFAULT 0,
  `unknown` INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (`campaign_id`, `minute`)
);

CREATE TABLE IF NOT EXISTS `campaign_status` (
  `campaign_id` BIGINT NOT NULL PRIMARY KEY,
  `status` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'draft',
  `total_emails` INTEGER NOT NULL DEFAULT 0,
  `pending_emails` INTEGER NOT NULL DEFAULT 0,
  `active_emails` INTEGER NOT NULL DEFAULT 0,
  `sent_emails` INTEGER NOT NULL DEFAULT 0,
  `failed_emails` INTEGER NOT NULL DEFAULT 0,
  `unknown_emails` INTEGER NOT NULL DEFAULT 0,
  `suppressed_emails` INTEGER NOT NULL DEFAULT 0,
  `cancelled_emails` INTEGER NOT NULL DEFAULT 0,
  `emails_per_minute` INTEGER NOT NULL DEFAULT 0,
  `note` VARCHAR(500) NOT NULL DEFAULT '',
  `start_at` BIGINT,
  `start_zone` VARCHAR(64) NOT NULL DEFAULT '',
  `started_at` BIGINT,
  `finished_at` BIGINT,
  `snapshot_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'campaign_status')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'campaign_status' AND index_name = 'campaign_status_status'),
  'CREATE INDEX `campaign_status_status` ON `campaign_status` (`status`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `idempotency_keys` (
  `user_id` BIGINT NOT NULL,
  `key` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `digest` VARCHAR(64) NOT NULL,
  `campaign_id` BIGINT NOT NULL,
  `created_at` BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (`user_id`, `key`)
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'idempotency_keys')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'idempotency_keys' AND index_name = 'idempotency_keys_created_at'),
  'CREATE INDEX `idempotency_keys_created_at` ON `idempotency_keys` (`created_at`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `import_chunks` (
  `import_id` BIGINT NOT NULL,
  `position` INTEGER NOT NULL,
  `content` LONGBLOB NOT NULL,
  PRIMARY KEY (`import_id`, `position`)
);

CREATE TABLE IF NOT EXISTS `import_refusals` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `import_id` BIGINT NOT NULL,
  `line` INTEGER NOT NULL,
  `reason` VARCHAR(300) NOT NULL,
  `original` LONGTEXT
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'import_refusals')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'import_refusals' AND index_name = 'import_refusals_import_id_id'),
  'CREATE INDEX `import_refusals_import_id_id` ON `import_refusals` (`import_id`, `id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `imports` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `list_id` BIGINT NOT NULL,
  `state` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'uploading',
  `file_name` VARCHAR(255) NOT NULL DEFAULT '',
  `sheet_name` VARCHAR(255) NOT NULL DEFAULT '',
  `size` BIGINT NOT NULL DEFAULT 0,
  `octets_read` BIGINT NOT NULL DEFAULT 0,
  `rows_read` INTEGER NOT NULL DEFAULT 0,
  `columns` LONGTEXT,
  `consent` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  `consent_words` VARCHAR(300) NOT NULL DEFAULT '',
  `consent_date` VARCHAR(10) NOT NULL DEFAULT '',
  `added` INTEGER NOT NULL DEFAULT 0,
  `updated` INTEGER NOT NULL DEFAULT 0,
  `duplicates` INTEGER NOT NULL DEFAULT 0,
  `suppressed` INTEGER NOT NULL DEFAULT 0,
  `refused` INTEGER NOT NULL DEFAULT 0,
  `note` VARCHAR(300) NOT NULL DEFAULT '',
  `created_at` BIGINT NOT NULL DEFAULT 0,
  `started_at` BIGINT,
  `finished_at` BIGINT
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'imports')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'imports' AND index_name = 'imports_list_id'),
  'CREATE INDEX `imports_list_id` ON `imports` (`list_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'imports')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'imports' AND index_name = 'imports_state'),
  'CREATE INDEX `imports_state` ON `imports` (`state`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `list_work` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `kind` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `list_id` BIGINT NOT NULL,
  `target_id` BIGINT NOT NULL DEFAULT 0,
  `old` VARCHAR(60) NOT NULL DEFAULT '',
  `new` VARCHAR(60) NOT NULL DEFAULT '',
  `walked_to` BIGINT NOT NULL DEFAULT 0,
  `walk_until` BIGINT NOT NULL DEFAULT 0,
  `done` INTEGER NOT NULL DEFAULT 0,
  `total` INTEGER NOT NULL DEFAULT 0,
  `created_at` BIGINT NOT NULL DEFAULT 0,
  `finished_at` BIGINT
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'list_work')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'list_work' AND index_name = 'list_work_user_id'),
  'CREATE INDEX `list_work_user_id` ON `list_work` (`user_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'list_work')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'list_work' AND index_name = 'list_work_list_id'),
  'CREATE INDEX `list_work_list_id` ON `list_work` (`list_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'list_work')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'list_work' AND index_name = 'list_work_finished_at'),
  'CREATE INDEX `list_work_finished_at` ON `list_work` (`finished_at`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `login_attempts` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `name` VARCHAR(64) NOT NULL,
  `client` VARCHAR(45) NOT NULL,
  `at` BIGINT NOT NULL
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'login_attempts')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'login_attempts' AND index_name = 'login_attempts_name_at'),
  'CREATE INDEX `login_attempts_name_at` ON `login_attempts` (`name`, `at`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'login_attempts')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'login_attempts' AND index_name = 'login_attempts_client_at'),
  'CREATE INDEX `login_attempts_client_at` ON `login_attempts` (`client`, `at`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'login_attempts')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'login_attempts' AND index_name = 'login_attempts_at'),
  'CREATE INDEX `login_attempts_at` ON `login_attempts` (`at`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `password_links` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `token_hash` VARCHAR(64) NOT NULL,
  `kind` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `created_at` BIGINT NOT NULL,
  `ends_at` BIGINT NOT NULL,
  `used_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'password_links')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'password_links' AND index_name = 'password_links_user_id'),
  'CREATE INDEX `password_links_user_id` ON `password_links` (`user_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'password_links')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'password_links' AND index_name = 'password_links_token_hash'),
  'CREATE UNIQUE INDEX `password_links_token_hash` ON `password_links` (`token_hash`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `password_requests` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `email_key` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `asked_at` BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS `recipient_lists` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `name` VARCHAR(120) NOT NULL,
  `field_names` LONGTEXT,
  `size` INTEGER NOT NULL DEFAULT 0,
  `created_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'recipient_lists')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'recipient_lists' AND index_name = 'recipient_lists_user_id'),
  'CREATE INDEX `recipient_lists_user_id` ON `recipient_lists` (`user_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `recipients` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `list_id` BIGINT NOT NULL,
  `email` VARCHAR(254) NOT NULL,
  `email_key` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `fields` LONGTEXT,
  `created_at` BIGINT NOT NULL DEFAULT 0,
  `import_id` BIGINT
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'recipients')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'recipients' AND index_name = 'recipients_list_id_email_key'),
  'CREATE UNIQUE INDEX `recipients_list_id_email_key` ON `recipients` (`list_id`, `email_key`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'recipients')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'recipients' AND index_name = 'recipients_list_id_id'),
  'CREATE INDEX `recipients_list_id_id` ON `recipients` (`list_id`, `id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'recipients')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'recipients' AND index_name = 'recipients_user_id_email_key'),
  'CREATE INDEX `recipients_user_id_email_key` ON `recipients` (`user_id`, `email_key`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `recovery_codes` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `code_hash` VARCHAR(64) NOT NULL,
  `used_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'recovery_codes')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'recovery_codes' AND index_name = 'recovery_codes_user_id_code_hash'),
  'CREATE UNIQUE INDEX `recovery_codes_user_id_code_hash` ON `recovery_codes` (`user_id`, `code_hash`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `second_factors` (
  `user_id` BIGINT NOT NULL PRIMARY KEY,
  `secret` VARCHAR(255) NOT NULL,
  `confirmed_at` BIGINT NOT NULL DEFAULT 0,
  `last_step` BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS `sessions` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `token_hash` VARCHAR(64) NOT NULL,
  `created_at` BIGINT NOT NULL,
  `seen_at` BIGINT NOT NULL,
  `proved_at` BIGINT NOT NULL,
  `client` VARCHAR(45) NOT NULL DEFAULT '',
  `agent` VARCHAR(120) NOT NULL DEFAULT ''
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'sessions')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'sessions' AND index_name = 'sessions_user_id'),
  'CREATE INDEX `sessions_user_id` ON `sessions` (`user_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'sessions')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'sessions' AND index_name = 'sessions_token_hash'),
  'CREATE UNIQUE INDEX `sessions_token_hash` ON `sessions` (`token_hash`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'sessions')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'sessions' AND index_name = 'sessions_seen_at'),
  'CREATE INDEX `sessions_seen_at` ON `sessions` (`seen_at`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `templates` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `name` VARCHAR(120) NOT NULL,
  `subject` VARCHAR(500) NOT NULL DEFAULT '',
  `preheader` VARCHAR(200) NOT NULL DEFAULT '',
  `html` LONGTEXT,
  `text` LONGTEXT,
  `rich` LONGTEXT,
  `created_at` BIGINT NOT NULL DEFAULT 0,
  `updated_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'templates')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'templates' AND index_name = 'templates_user_id'),
  'CREATE INDEX `templates_user_id` ON `templates` (`user_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `users` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `email` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `name` VARCHAR(120) NOT NULL DEFAULT '',
  `password_hash` VARCHAR(255) NOT NULL,
  `role` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'user',
  `is_active` BOOL NOT NULL DEFAULT 1,
  `is_trial` BOOL NOT NULL DEFAULT 0,
  `time_zone` VARCHAR(64) NOT NULL DEFAULT 'UTC',
  `organisation` VARCHAR(120) NOT NULL DEFAULT '',
  `postal_address` VARCHAR(500) NOT NULL DEFAULT '',
  `most_campaigns` INTEGER NOT NULL DEFAULT 0,
  `most_recipients` INTEGER NOT NULL DEFAULT 0,
  `last_sign_in_at` BIGINT NOT NULL DEFAULT 0,
  `created_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'users')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'users' AND index_name = 'users_email'),
  'CREATE UNIQUE INDEX `users_email` ON `users` (`email`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `verified_addresses` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `email_key` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `asked_at` BIGINT NOT NULL DEFAULT 0,
  `verified_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'verified_addresses')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'verified_addresses' AND index_name = 'verified_addresses_user_id_email_key'),
  'CREATE UNIQUE INDEX `verified_addresses_user_id_email_key` ON `verified_addresses` (`user_id`, `email_key`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;
