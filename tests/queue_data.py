"""Small campaigns for queue tests: rows of Server 2 only, made the way staging makes them."""

from peewee import fn

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import TABLES, CampaignControl, CampaignTally, Mail, SmtpAccount, SmtpServer, SmtpUsage
from blaster.queue import control, tally

ALICE, BOB = 1, 2
CONTENT = {"subject": "Hi", "sender_name": "", "sender_email": "", "reply_to": "", "html": "<p>Hi</p>", "text": "Hi"}


def clear() -> None:
    """Server 2 without any row, for the next example of a property test."""
    with db.session(crm_db):
        for table in TABLES:
            table.delete().execute()


def server_with_account(user_id=ALICE, *, hourly=1_000, daily=10_000, accounts=1, host="127.0.0.1", port=25):
    """A server and its first account (or list of accounts)."""
    with db.session(crm_db):
        server = SmtpServer.create(user_id=user_id, name="s", host=host, port=port, encryption="none")
        made = [
            SmtpAccount.create(
                user_id=user_id,
                smtp_server_id=server.id,
                email=f"u{user_id}s{server.id}a{i}@example.com",
                password="secret",
                hourly_limit=hourly,
                daily_limit=daily,
            )
            for i in range(accounts)
        ]
    return server, made[0] if accounts == 1 else made


def running_campaign(user_id=ALICE, campaign_id=7, mails=100, *, first=1):
    """A running campaign with that many pending rows."""
    control.open_campaign(user_id, campaign_id, 1, 0, CONTENT)
    with db.session(crm_db):
        columns = (Mail.user_id, Mail.campaign_id, Mail.recipient_id, Mail.email, Mail.email_key)
        rows = [
            (user_id, campaign_id, i, f"r{i}@example.net", f"r{i}@example.net") for i in range(first, first + mails)
        ]
        db.insert_new(Mail, columns, rows, (Mail.campaign_id, Mail.recipient_id))
        tally.add(campaign_id, 0, {"pending": mails})
        CampaignControl.update(run_state="running", is_staged=True).where(
            CampaignControl.campaign_id == campaign_id
        ).execute()
    return campaign_id


def statuses(campaign_id=7) -> dict[str, int]:
    """Rows by status, recounted."""
    with db.session(crm_db):
        rows = Mail.select(Mail.status, fn.COUNT(Mail.id)).where(Mail.campaign_id == campaign_id).group_by(Mail.status)
        return dict(rows.tuples())


def assert_books_balance() -> None:
    """Tally equals rows, and the ledger of charges equals the rows that carry one."""
    with db.session(crm_db):
        for (campaign_id,) in list(CampaignTally.select(CampaignTally.campaign_id).distinct().tuples()):
            rows = dict.fromkeys(tally.STATES, 0)
            for status, n in statuses(campaign_id).items():
                rows[tally.column_of(status)] += n
            assert tally.counts(campaign_id) == rows
        key = (Mail.smtp_account_id, Mail.bucket)
        charged = Mail.select(*key, fn.COUNT(Mail.id)).where(Mail.bucket.is_null(False)).group_by(*key).tuples()
        usage = SmtpUsage.select(
            SmtpUsage.smtp_account_id, SmtpUsage.bucket, SmtpUsage.taken - SmtpUsage.extra
        ).tuples()
        assert {row[:2]: row[2] for row in usage if row[2]} == {row[:2]: row[2] for row in charged}
        free = ~Mail.status.in_(("claimed", "sending", "sent", "unknown")) & Mail.bucket.is_null(False)
        assert not Mail.select().where(free).exists()
