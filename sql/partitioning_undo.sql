-- The way back from partitioning.sql: mail_blaster as the models make it. Server 2 only.
-- Rebuilds the table twice and locks it meanwhile: stop the workers, take a backup, have its size free on disk.

ALTER TABLE mail_blaster REMOVE PARTITIONING;

ALTER TABLE mail_blaster
    DROP PRIMARY KEY,
    ADD PRIMARY KEY (id),
    DROP INDEX mail_blaster_campaign_id_recipient_id,
    ADD UNIQUE INDEX mail_blaster_campaign_id_recipient_id (campaign_id, recipient_id),
    DROP INDEX mail_blaster_campaign_id_email_key,
    ADD UNIQUE INDEX mail_blaster_campaign_id_email_key (campaign_id, email_key);

ANALYZE TABLE mail_blaster;
