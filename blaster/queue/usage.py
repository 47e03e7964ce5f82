"""Mails charged to accounts, day by day."""

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import SmtpAccount, SmtpUsage
from blaster.queue.quota import DAY


def week(user_id: int, now: int) -> dict[int, list[int]]:
    """For each account of the user that sent: the mails of the last seven times 24 hours, the oldest first."""
    since = now - 7 * DAY
    mine = SmtpAccount.select(SmtpAccount.id).where(SmtpAccount.user_id == user_id)
    chosen = SmtpUsage.smtp_account_id.in_(mine) & (SmtpUsage.bucket > since) & (SmtpUsage.bucket <= now)
    query = SmtpUsage.select(SmtpUsage.smtp_account_id, SmtpUsage.bucket, SmtpUsage.taken).where(chosen)
    found: dict[int, list[int]] = {}
    with db.session(crm_db):
        for account_id, bucket, taken in query.tuples():
            found.setdefault(account_id, [0] * 7)[min(6, (bucket - since) // DAY)] += taken
    return found
