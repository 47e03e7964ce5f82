-- What an operator asks, for MariaDB 10.6+ and MySQL 8. Everything here only reads.
-- The part of Server 1 runs on the campaign database, that of Server 2 on the CRM database.
-- Instants are milliseconds since 1970, UTC.

-- ======== Server 1 ========

-- System load: campaigns under way across all users
SELECT
    COUNT(DISTINCT cs.campaign_id) AS active_campaigns,
    COUNT(DISTINCT cm.user_id) AS concurrent_users,
    SUM(cs.total_emails) AS total_emails_in_queue,
    SUM(cs.pending_emails) AS total_pending
FROM campaign_status cs
JOIN campaign_master cm ON cs.campaign_id = cm.campaign_id
WHERE cs.status = 'running';

-- Load by user
SELECT
    cm.user_id,
    COUNT(cs.campaign_id) AS active_campaigns,
    SUM(cs.total_emails) AS total_emails,
    SUM(cs.sent_emails) AS sent_emails,
    SUM(cs.pending_emails) AS pending_emails
FROM campaign_status cs
JOIN campaign_master cm ON cs.campaign_id = cm.campaign_id
WHERE cs.status = 'running'
GROUP BY cm.user_id
ORDER BY total_emails DESC;

-- Users with five or more campaigns at once, whom Blaster warns
SELECT cm.user_id, COUNT(*) AS active_campaigns
FROM campaign_status cs
JOIN campaign_master cm ON cs.campaign_id = cm.campaign_id
WHERE cs.status IN ('staging', 'running')
GROUP BY cm.user_id
HAVING COUNT(*) >= 5
ORDER BY active_campaigns DESC;

-- ======== Server 2 ========

-- SMTP accounts by user
SELECT
    user_id,
    COUNT(*) AS total_accounts,
    SUM(CASE WHEN is_active = 1 THEN 1 ELSE 0 END) AS active_accounts,
    SUM(sent_today) AS emails_sent_today,
    AVG(daily_limit) AS avg_daily_limit
FROM smtp_accounts
WHERE user_id IS NOT NULL
GROUP BY user_id
ORDER BY emails_sent_today DESC;

-- Accounts that stopped, and why
SELECT user_id, smtp_server_id, smtp_account_id, state, until, reason, last_error
FROM smtp_health
WHERE state <> 'ok'
ORDER BY user_id, smtp_server_id, smtp_account_id;

-- Accounts that have used up their day: mails charged in the last 24 hours
SELECT a.user_id, a.id, a.email, a.daily_limit, SUM(u.taken) AS taken
FROM smtp_accounts a
JOIN smtp_usage u ON u.smtp_account_id = a.id
WHERE u.bucket > (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000) - 86400000
GROUP BY a.user_id, a.id, a.email, a.daily_limit
HAVING SUM(u.taken) >= a.daily_limit;

-- The queue by campaign: the sum over the slots is exact, and counts no rows of mail_blaster
SELECT
    c.user_id,
    c.campaign_id,
    c.run_state,
    SUM(t.pending) AS pending,
    SUM(t.active) AS active,
    SUM(t.sent) AS sent,
    SUM(t.failed) AS failed,
    SUM(t.unknown) AS outcome_unknown
FROM campaign_control c
JOIN campaign_tally t ON t.campaign_id = c.campaign_id
WHERE c.run_state IN ('staging', 'running', 'paused', 'cancelling')
GROUP BY c.user_id, c.campaign_id, c.run_state
ORDER BY c.user_id, c.campaign_id;

-- Leases that ran out more than a minute ago: no worker is left to take them over
SELECT name, owner, expires_at
FROM leases
WHERE expires_at < (TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000) - 60000;

-- ======== Either server ========

-- Size of the tables in MB
SELECT table_name, table_rows, ROUND((data_length + index_length) / 1048576) AS megabytes
FROM information_schema.tables
WHERE table_schema = DATABASE()
ORDER BY data_length + index_length DESC;

-- Connections against their limit, and waits for locks
SHOW GLOBAL STATUS WHERE variable_name IN
    ('Threads_connected', 'Max_used_connections', 'Innodb_row_lock_waits', 'Innodb_row_lock_time_avg', 'Slow_queries');
SHOW GLOBAL VARIABLES WHERE variable_name IN ('max_connections', 'innodb_lock_wait_timeout', 'innodb_buffer_pool_size');
SHOW ENGINE INNODB STATUS;
