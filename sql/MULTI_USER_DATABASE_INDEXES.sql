-- Every index of both databases, for MariaDB 10.6+ and MySQL 8.
--
--   mysql -u root -p campaign_db < sql/MULTI_USER_DATABASE_INDEXES.sql
--   mysql -u root -p crm_db      < sql/MULTI_USER_DATABASE_INDEXES.sql
--
-- Run it on either database and as often as you like: an index is made where its table is there and it is not. Needs no
-- right but INDEX, and no stored procedure. A unique index is refused where rows repeat; nothing is lost by that.
--
-- Written by scripts/schema_sql.py: change the models, not this file.

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
