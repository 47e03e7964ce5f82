-- The tables of Server 2, as the models make them, for MariaDB 10.6+ and MySQL 8. May be run again.
-- Blaster makes and updates its tables itself when it starts. This file is for those who want to read or do it first:
--
--   CREATE DATABASE crm_db CHARACTER SET utf8mb4;
--   mysql -u root -p crm_db < sql/schema_crm.sql
--
-- Written by scripts/schema_sql.py: change the models, not this file.

CREATE TABLE IF NOT EXISTS `archived_mails` (
  `id` BIGINT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `campaign_id` BIGINT NOT NULL,
  `email_key` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `status` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'archived_mails')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'archived_mails' AND index_name = 'archived_mails_user_id_email_key'),
  'CREATE INDEX `archived_mails_user_id_email_key` ON `archived_mails` (`user_id`, `email_key`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'archived_mails')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'archived_mails' AND index_name = 'archived_mails_campaign_id_status'),
  'CREATE INDEX `archived_mails_campaign_id_status` ON `archived_mails` (`campaign_id`, `status`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `bounces` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `mailbox_id` BIGINT,
  `digest` VARCHAR(64) NOT NULL,
  `mail_id` BIGINT,
  `campaign_id` BIGINT,
  `email` VARCHAR(254) NOT NULL DEFAULT '',
  `email_key` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  `kind` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `bounce_class` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `status` VARCHAR(12) NOT NULL DEFAULT '',
  `diagnostic` VARCHAR(300) NOT NULL DEFAULT '',
  `action` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  `created_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'bounces')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'bounces' AND index_name = 'bounces_user_id_digest'),
  'CREATE UNIQUE INDEX `bounces_user_id_digest` ON `bounces` (`user_id`, `digest`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'bounces')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'bounces' AND index_name = 'bounces_user_id_email_key_id'),
  'CREATE INDEX `bounces_user_id_email_key_id` ON `bounces` (`user_id`, `email_key`, `id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'bounces')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'bounces' AND index_name = 'bounces_campaign_id_id'),
  'CREATE INDEX `bounces_campaign_id_id` ON `bounces` (`campaign_id`, `id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'bounces')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'bounces' AND index_name = 'bounces_mail_id'),
  'CREATE INDEX `bounces_mail_id` ON `bounces` (`mail_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `campaign_archives` (
  `campaign_id` BIGINT NOT NULL,
  `host` VARCHAR(64) NOT NULL,
  `user_id` BIGINT NOT NULL,
  `file` VARCHAR(255) NOT NULL,
  `octets` BIGINT NOT NULL DEFAULT 0,
  `mails` INTEGER NOT NULL DEFAULT 0,
  `erasures` INTEGER NOT NULL DEFAULT 0,
  `began_at` BIGINT NOT NULL DEFAULT 0,
  `finished_at` BIGINT,
  PRIMARY KEY (`campaign_id`, `host`)
);

CREATE TABLE IF NOT EXISTS `campaign_attachments` (
  `campaign_id` BIGINT NOT NULL,
  `position` INTEGER NOT NULL,
  `filename` VARCHAR(120) NOT NULL,
  `content_type` VARCHAR(120) NOT NULL,
  `data` LONGBLOB NOT NULL,
  PRIMARY KEY (`campaign_id`, `position`)
);

CREATE TABLE IF NOT EXISTS `campaign_bounces` (
  `campaign_id` BIGINT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `hard` INTEGER NOT NULL DEFAULT 0,
  `disabled` INTEGER NOT NULL DEFAULT 0,
  `quota` INTEGER NOT NULL DEFAULT 0,
  `soft` INTEGER NOT NULL DEFAULT 0,
  `block` INTEGER NOT NULL DEFAULT 0,
  `message` INTEGER NOT NULL DEFAULT 0,
  `complaint` INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS `campaign_content` (
  `campaign_id` BIGINT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `list_id` BIGINT NOT NULL,
  `subject` VARCHAR(500) NOT NULL,
  `sender_name` VARCHAR(120) NOT NULL DEFAULT '',
  `sender_email` VARCHAR(254) NOT NULL DEFAULT '',
  `reply_to` VARCHAR(254) NOT NULL DEFAULT '',
  `html` LONGTEXT,
  `text` LONGTEXT,
  `organisation` VARCHAR(120) NOT NULL DEFAULT '',
  `postal_address` VARCHAR(500) NOT NULL DEFAULT '',
  `tracks_opens` BOOL NOT NULL DEFAULT 0,
  `tracks_clicks` BOOL NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS `campaign_control` (
  `campaign_id` BIGINT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `run_state` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'staging',
  `list_id` BIGINT NOT NULL,
  `staged_to` BIGINT NOT NULL DEFAULT 0,
  `stage_until` BIGINT NOT NULL DEFAULT 0,
  `is_staged` BOOL NOT NULL DEFAULT 0,
  `send_windows` LONGTEXT,
  `note` VARCHAR(500) NOT NULL DEFAULT '',
  `changed_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'campaign_control')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'campaign_control' AND index_name = 'campaign_control_user_id'),
  'CREATE INDEX `campaign_control_user_id` ON `campaign_control` (`user_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'campaign_control')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'campaign_control' AND index_name = 'campaign_control_run_state_campaign_id'),
  'CREATE INDEX `campaign_control_run_state_campaign_id` ON `campaign_control` (`run_state`, `campaign_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `campaign_cursor` (
  `campaign_id` BIGINT NOT NULL PRIMARY KEY,
  `last_id` BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS `campaign_guard` (
  `campaign_id` BIGINT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `refused` INTEGER NOT NULL DEFAULT 0,
  `failed` INTEGER NOT NULL DEFAULT 0,
  `held_for` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  `base_tried` INTEGER NOT NULL DEFAULT 0,
  `base_hard` INTEGER NOT NULL DEFAULT 0,
  `base_complaints` INTEGER NOT NULL DEFAULT 0,
  `looked_to` BIGINT NOT NULL DEFAULT 0,
  `counted_to` BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS `campaign_links` (
  `campaign_id` BIGINT NOT NULL,
  `number` INTEGER NOT NULL,
  `url` LONGTEXT NOT NULL,
  PRIMARY KEY (`campaign_id`, `number`)
);

CREATE TABLE IF NOT EXISTS `campaign_tally` (
  `campaign_id` BIGINT NOT NULL,
  `slot` BIGINT NOT NULL,
  `pending` INTEGER NOT NULL DEFAULT 0,
  `active` INTEGER NOT NULL DEFAULT 0,
  `sent` INTEGER NOT NULL DEFAULT 0,
  `failed` INTEGER NOT NULL DEFAULT 0,
  `unknown` INTEGER NOT NULL DEFAULT 0,
  `suppressed` INTEGER NOT NULL DEFAULT 0,
  `cancelled` INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (`campaign_id`, `slot`)
);

CREATE TABLE IF NOT EXISTS `claimed_ranges` (
  `id` BIGINT NOT NULL PRIMARY KEY,
  `campaign_id` BIGINT NOT NULL,
  `smtp_account_id` BIGINT NOT NULL,
  `lease_token` BIGINT NOT NULL,
  `first_id` BIGINT NOT NULL,
  `last_id` BIGINT NOT NULL,
  `bucket` BIGINT NOT NULL,
  `held` INTEGER NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'claimed_ranges')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'claimed_ranges' AND index_name = 'claimed_ranges_campaign_id'),
  'CREATE INDEX `claimed_ranges_campaign_id` ON `claimed_ranges` (`campaign_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'claimed_ranges')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'claimed_ranges' AND index_name = 'claimed_ranges_lease_token'),
  'CREATE INDEX `claimed_ranges_lease_token` ON `claimed_ranges` (`lease_token`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `decisions` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `campaign_id` BIGINT NOT NULL,
  `kind` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `classes` LONGTEXT NOT NULL,
  `walked_at` BIGINT NOT NULL DEFAULT 0,
  `walked_to` BIGINT NOT NULL DEFAULT 0,
  `walk_until` BIGINT NOT NULL DEFAULT 0,
  `done` INTEGER NOT NULL DEFAULT 0,
  `created_at` BIGINT NOT NULL DEFAULT 0,
  `finished_at` BIGINT
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'decisions')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'decisions' AND index_name = 'decisions_campaign_id'),
  'CREATE INDEX `decisions_campaign_id` ON `decisions` (`campaign_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'decisions')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'decisions' AND index_name = 'decisions_finished_at'),
  'CREATE INDEX `decisions_finished_at` ON `decisions` (`finished_at`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `dkim_keys` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `domain` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `selector` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `private_key` LONGTEXT NOT NULL,
  `record` LONGTEXT NOT NULL,
  `verdict` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  `checked_at` BIGINT NOT NULL DEFAULT 0,
  `insists` BOOL NOT NULL DEFAULT 0,
  `created_at` BIGINT NOT NULL DEFAULT 0,
  `lost_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'dkim_keys')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'dkim_keys' AND index_name = 'dkim_keys_user_id_domain_selector'),
  'CREATE UNIQUE INDEX `dkim_keys_user_id_domain_selector` ON `dkim_keys` (`user_id`, `domain`, `selector`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `domain_checks` (
  `smtp_account_id` BIGINT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `domain` VARCHAR(255) NOT NULL,
  `selectors` VARCHAR(255) NOT NULL DEFAULT '',
  `checked_at` BIGINT NOT NULL,
  `findings` LONGTEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS `domain_pauses` (
  `user_id` BIGINT NOT NULL,
  `domain` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `refusals` INTEGER NOT NULL DEFAULT 0,
  `since` BIGINT NOT NULL DEFAULT 0,
  `until` BIGINT NOT NULL DEFAULT 0,
  `times` INTEGER NOT NULL DEFAULT 0,
  `reason` VARCHAR(300) NOT NULL DEFAULT '',
  PRIMARY KEY (`user_id`, `domain`)
);

CREATE TABLE IF NOT EXISTS `hit_counts` (
  `campaign_id` BIGINT NOT NULL,
  `link` INTEGER NOT NULL,
  `is_machine` BOOL NOT NULL,
  `mark` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `mails` INTEGER NOT NULL DEFAULT 0,
  `counted_at` BIGINT NOT NULL DEFAULT 0,
  `is_final` BOOL NOT NULL DEFAULT 0,
  PRIMARY KEY (`campaign_id`, `link`, `is_machine`, `mark`)
);

CREATE TABLE IF NOT EXISTS `hits` (
  `campaign_id` BIGINT NOT NULL,
  `mail_id` BIGINT NOT NULL,
  `link` INTEGER NOT NULL,
  `mark` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  `is_machine` BOOL NOT NULL DEFAULT 0,
  `at` BIGINT NOT NULL,
  PRIMARY KEY (`campaign_id`, `mail_id`, `link`)
);

CREATE TABLE IF NOT EXISTS `leases` (
  `name` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `owner` VARCHAR(160) NOT NULL,
  `token` BIGINT NOT NULL,
  `expires_at` BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS `lifted_suppressions` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `list_id` BIGINT NOT NULL DEFAULT 0,
  `email` VARCHAR(254) NOT NULL DEFAULT '',
  `email_key` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `reason` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'manual',
  `created_at` BIGINT NOT NULL DEFAULT 0,
  `lifted_by` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'user',
  `why` VARCHAR(300) NOT NULL DEFAULT '',
  `lifted_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'lifted_suppressions')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'lifted_suppressions' AND index_name = 'lifted_suppressions_user_id_email_key'),
  'CREATE INDEX `lifted_suppressions_user_id_email_key` ON `lifted_suppressions` (`user_id`, `email_key`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `mail_blaster` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `campaign_id` BIGINT NOT NULL,
  `recipient_id` BIGINT NOT NULL,
  `email` VARCHAR(254) NOT NULL,
  `email_key` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `fields` LONGTEXT,
  `status` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'pending',
  `due_at` BIGINT NOT NULL DEFAULT 0,
  `attempts` SMALLINT NOT NULL DEFAULT 0,
  `lease_token` BIGINT,
  `claim_id` BIGINT,
  `smtp_account_id` BIGINT,
  `bucket` BIGINT,
  `smtp_code` SMALLINT,
  `reply_class` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin,
  `smtp_text` VARCHAR(300)
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'mail_blaster')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'mail_blaster' AND index_name = 'mail_blaster_campaign_id_recipient_id'),
  'CREATE UNIQUE INDEX `mail_blaster_campaign_id_recipient_id` ON `mail_blaster` (`campaign_id`, `recipient_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'mail_blaster')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'mail_blaster' AND index_name = 'mail_blaster_campaign_id_email_key'),
  'CREATE UNIQUE INDEX `mail_blaster_campaign_id_email_key` ON `mail_blaster` (`campaign_id`, `email_key`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'mail_blaster')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'mail_blaster' AND index_name = 'mail_blaster_campaign_id_status_due_at_id'),
  'CREATE INDEX `mail_blaster_campaign_id_status_due_at_id` ON `mail_blaster` (`campaign_id`, `status`, `due_at`, `id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `mailbox_mails` (
  `mailbox_id` BIGINT NOT NULL,
  `uidl` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  PRIMARY KEY (`mailbox_id`, `uidl`)
);

CREATE TABLE IF NOT EXISTS `mailbox_tokens` (
  `mailbox_id` BIGINT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `provider` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `access` LONGTEXT NOT NULL,
  `refresh` LONGTEXT NOT NULL,
  `expires_at` BIGINT NOT NULL,
  `busy_until` BIGINT NOT NULL DEFAULT 0,
  `trouble` VARCHAR(300) NOT NULL DEFAULT ''
);

CREATE TABLE IF NOT EXISTS `mailboxes` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `kind` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'imap',
  `host` VARCHAR(255) NOT NULL,
  `port` INTEGER NOT NULL DEFAULT 993,
  `encryption` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'tls',
  `login` VARCHAR(254) NOT NULL,
  `password` LONGTEXT,
  `auth` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'password',
  `folder` VARCHAR(120) NOT NULL DEFAULT 'INBOX',
  `deletes` BOOL NOT NULL DEFAULT 0,
  `is_active` BOOL NOT NULL DEFAULT 1,
  `validity` BIGINT NOT NULL DEFAULT 0,
  `last_uid` BIGINT NOT NULL DEFAULT 0,
  `read_at` BIGINT NOT NULL DEFAULT 0,
  `tried_at` BIGINT NOT NULL DEFAULT 0,
  `last_error` VARCHAR(300) NOT NULL DEFAULT '',
  `mails` INTEGER NOT NULL DEFAULT 0,
  `created_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'mailboxes')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'mailboxes' AND index_name = 'mailboxes_user_id'),
  'CREATE INDEX `mailboxes_user_id` ON `mailboxes` (`user_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `oauth_tokens` (
  `smtp_account_id` BIGINT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `provider` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `access` LONGTEXT NOT NULL,
  `refresh` LONGTEXT NOT NULL,
  `expires_at` BIGINT NOT NULL,
  `busy_until` BIGINT NOT NULL DEFAULT 0,
  `trouble` VARCHAR(300) NOT NULL DEFAULT ''
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'oauth_tokens')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'oauth_tokens' AND index_name = 'oauth_tokens_expires_at'),
  'CREATE INDEX `oauth_tokens_expires_at` ON `oauth_tokens` (`expires_at`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `provider_counts` (
  `user_id` BIGINT NOT NULL,
  `from_domain` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `provider` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `day` INTEGER NOT NULL,
  `mails` INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (`user_id`, `from_domain`, `provider`, `day`)
);

CREATE TABLE IF NOT EXISTS `smtp_accounts` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `smtp_server_id` BIGINT NOT NULL,
  `email` VARCHAR(254) NOT NULL,
  `login` VARCHAR(254) NOT NULL DEFAULT '',
  `password` LONGTEXT,
  `daily_limit` INTEGER NOT NULL DEFAULT 500,
  `hourly_limit` INTEGER NOT NULL DEFAULT 50,
  `auth` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'password',
  `warmup_start` INTEGER NOT NULL DEFAULT 0,
  `warmup_from` BIGINT NOT NULL DEFAULT 0,
  `warmup_judged` INTEGER NOT NULL DEFAULT 0,
  `warmup_held` BIGINT NOT NULL DEFAULT 0,
  `warmup_reason` VARCHAR(120) NOT NULL DEFAULT '',
  `bounce_address` VARCHAR(254) NOT NULL DEFAULT '',
  `from_domains` VARCHAR(500) NOT NULL DEFAULT '',
  `sent_today` INTEGER NOT NULL DEFAULT 0,
  `is_active` BOOL NOT NULL DEFAULT 1,
  `send_windows` LONGTEXT,
  `created_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'smtp_accounts')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'smtp_accounts' AND index_name = 'smtp_accounts_user_id_smtp_server_id'),
  'CREATE INDEX `smtp_accounts_user_id_smtp_server_id` ON `smtp_accounts` (`user_id`, `smtp_server_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'smtp_accounts')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'smtp_accounts' AND index_name = 'smtp_accounts_smtp_server_id_is_active'),
  'CREATE INDEX `smtp_accounts_smtp_server_id_is_active` ON `smtp_accounts` (`smtp_server_id`, `is_active`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `smtp_health` (
  `smtp_server_id` BIGINT NOT NULL,
  `smtp_account_id` BIGINT NOT NULL DEFAULT 0,
  `user_id` BIGINT NOT NULL,
  `state` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'ok',
  `until` BIGINT NOT NULL DEFAULT 0,
  `failures` INTEGER NOT NULL DEFAULT 0,
  `reason` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  `last_error` VARCHAR(300) NOT NULL DEFAULT '',
  `last_error_at` BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (`smtp_server_id`, `smtp_account_id`)
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'smtp_health')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'smtp_health' AND index_name = 'smtp_health_user_id'),
  'CREATE INDEX `smtp_health_user_id` ON `smtp_health` (`user_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `smtp_servers` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `name` VARCHAR(120) NOT NULL DEFAULT '',
  `host` VARCHAR(255) NOT NULL,
  `port` INTEGER NOT NULL DEFAULT 587,
  `encryption` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'tls',
  `max_connections` SMALLINT NOT NULL DEFAULT 10,
  `preset` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  `is_active` BOOL NOT NULL DEFAULT 1,
  `created_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'smtp_servers')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'smtp_servers' AND index_name = 'smtp_servers_user_id'),
  'CREATE INDEX `smtp_servers_user_id` ON `smtp_servers` (`user_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `smtp_usage` (
  `smtp_account_id` BIGINT NOT NULL,
  `bucket` BIGINT NOT NULL,
  `taken` INTEGER NOT NULL DEFAULT 0,
  `extra` INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (`smtp_account_id`, `bucket`)
);

CREATE TABLE IF NOT EXISTS `suppressions` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `list_id` BIGINT NOT NULL DEFAULT 0,
  `email` VARCHAR(254) NOT NULL DEFAULT '',
  `email_key` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `reason` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'manual',
  `campaign_id` BIGINT,
  `created_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'suppressions')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'suppressions' AND index_name = 'suppressions_user_id_email_key_list_id'),
  'CREATE UNIQUE INDEX `suppressions_user_id_email_key_list_id` ON `suppressions` (`user_id`, `email_key`, `list_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'suppressions')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'suppressions' AND index_name = 'suppressions_email_key_user_id_list_id'),
  'CREATE INDEX `suppressions_email_key_user_id_list_id` ON `suppressions` (`email_key`, `user_id`, `list_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `upkeep` (
  `name` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `began_at` BIGINT NOT NULL DEFAULT 0,
  `finished_at` BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS `webhook_deliveries` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `webhook_id` BIGINT NOT NULL,
  `message_id` VARCHAR(40) NOT NULL,
  `event` VARCHAR(40) NOT NULL,
  `body` LONGTEXT NOT NULL,
  `email_key` VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  `state` VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'pending',
  `due_at` BIGINT NOT NULL DEFAULT 0,
  `attempts` INTEGER NOT NULL DEFAULT 0,
  `status` INTEGER NOT NULL DEFAULT 0,
  `answer` VARCHAR(300) NOT NULL DEFAULT '',
  `created_at` BIGINT NOT NULL DEFAULT 0,
  `tried_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'webhook_deliveries')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'webhook_deliveries' AND index_name = 'webhook_deliveries_state_due_at'),
  'CREATE INDEX `webhook_deliveries_state_due_at` ON `webhook_deliveries` (`state`, `due_at`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'webhook_deliveries')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'webhook_deliveries' AND index_name = 'webhook_deliveries_webhook_id_id'),
  'CREATE INDEX `webhook_deliveries_webhook_id_id` ON `webhook_deliveries` (`webhook_id`, `id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'webhook_deliveries')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'webhook_deliveries' AND index_name = 'webhook_deliveries_webhook_id_message_id'),
  'CREATE UNIQUE INDEX `webhook_deliveries_webhook_id_message_id` ON `webhook_deliveries` (`webhook_id`, `message_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'webhook_deliveries')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'webhook_deliveries' AND index_name = 'webhook_deliveries_user_id_email_key'),
  'CREATE INDEX `webhook_deliveries_user_id_email_key` ON `webhook_deliveries` (`user_id`, `email_key`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS `webhooks` (
  `id` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY,
  `user_id` BIGINT NOT NULL,
  `url` VARCHAR(500) NOT NULL,
  `events` VARCHAR(200) NOT NULL,
  `secret` LONGTEXT NOT NULL,
  `old_secret` LONGTEXT,
  `old_until` BIGINT NOT NULL DEFAULT 0,
  `is_active` BOOL NOT NULL DEFAULT 1,
  `failing_since` BIGINT NOT NULL DEFAULT 0,
  `note` VARCHAR(300) NOT NULL DEFAULT '',
  `created_at` BIGINT NOT NULL DEFAULT 0
);

SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = 'webhooks')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'webhooks' AND index_name = 'webhooks_user_id'),
  'CREATE INDEX `webhooks_user_id` ON `webhooks` (`user_id`)',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;
