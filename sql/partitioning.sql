-- mail_blaster in 16 partitions by user_id, for 500 users and more; MariaDB 10.6+ and MySQL 8. Server 2 only.
--
-- Worth it where the table has outgrown the buffer pool: each user's rows lie together, maintenance can go one partition
-- at a time (OPTIMIZE, REBUILD). It does not make sending faster: settling finds rows by id, which says nothing of the user,
-- and so looks into every partition. That is why there are 16 and not one for each user. Below that size, leave it.
--
-- The partition key must be part of every unique key. A campaign belongs to one user, so (campaign_id, recipient_id,
-- user_id) forbids what (campaign_id, recipient_id) did. The names of the indexes stay: Blaster and
-- MULTI_USER_DATABASE_INDEXES.sql find them in place.
--
-- Rebuilds the whole table and locks it meanwhile: stop the workers, take a backup, have its size free on disk.
-- The way back: partitioning_undo.sql

ALTER TABLE mail_blaster
    DROP PRIMARY KEY,
    ADD PRIMARY KEY (id, user_id),
    DROP INDEX mail_blaster_campaign_id_recipient_id,
    ADD UNIQUE INDEX mail_blaster_campaign_id_recipient_id (campaign_id, recipient_id, user_id),
    DROP INDEX mail_blaster_campaign_id_email_key,
    ADD UNIQUE INDEX mail_blaster_campaign_id_email_key (campaign_id, email_key, user_id)
PARTITION BY HASH (user_id) PARTITIONS 16;

ANALYZE TABLE mail_blaster;
