"""Budget for one mail that is not in the queue: a test of a message. It counts like any other."""

from blaster import db
from blaster.db import crm_db
from blaster.errors import Conflict, NotFound
from blaster.models.crm_db import SmtpAccount, SmtpUsage
from blaster.queue import quota

_COLUMNS = (SmtpUsage.smtp_account_id, SmtpUsage.bucket, SmtpUsage.taken, SmtpUsage.extra)


def take(user_id: int, account_id: int) -> int:
    """Charge one mail to the account and return the bucket that carries it. Raises NotFound, and Conflict where nothing
    is left."""

    def work():
        mine = (SmtpAccount.id == account_id) & (SmtpAccount.user_id == user_id)
        account = db.locked(SmtpAccount.select().where(mine)).first()
        if account is None:
            raise NotFound("No such SMTP account.")
        now = db.now(crm_db)
        if not quota.left([account], now)[account.id]:
            raise Conflict(f"Nothing is left of the limits of {account.email} just now.")
        bucket = quota.bucket_of(now)
        _charge(account_id, bucket, 1)
        return bucket

    return db.transaction(crm_db, work)


def give_back(account_id: int, bucket: int) -> None:
    """The mail was not sent: `bucket` as `take` returned it."""
    db.transaction(crm_db, lambda: _charge(account_id, bucket, -1))


def _charge(account_id: int, bucket: int, mails: int) -> None:
    # `extra` is what no row of the queue accounts for.
    row = (account_id, bucket, mails, mails)
    db.upsert(SmtpUsage, _COLUMNS, [row], add=(SmtpUsage.taken, SmtpUsage.extra))
