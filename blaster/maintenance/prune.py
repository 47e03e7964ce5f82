"""Rows that nobody asks for any more: old charges, reports that belong to no mail, work that is done, and the like."""

from collections.abc import Callable, Iterator

from blaster import db
from blaster.db import campaign_db, crm_db
from blaster.models.api import IdempotencyKey
from blaster.models.audit import AuditEntry
from blaster.models.bounces import Bounce, ProviderCount
from blaster.models.crm_db import SmtpAccount, SmtpUsage
from blaster.models.decisions import Decision
from blaster.models.list_work import ListWork
from blaster.models.sign_in import PasswordLink, Session
from blaster.models.webhooks import WebhookDelivery
from blaster.sessions import IDLE

CHUNK = 1_000
DAY = 86_400_000
UNMATCHED, WORK, COUNTS = 90 * DAY, 30 * DAY, 400  # ms, ms, days
TOLD, KEYS = 30 * DAY, 7 * DAY  # ms


def prune(turn) -> Iterator[str]:
    """Delete what is older than it is kept, a thousand rows at a time."""
    charges = sum(
        turn.chunks(lambda account_id=account_id: _charges(account_id, turn.now - turn.settings.usage_days * DAY))
        for account_id in _accounts()
    )
    unmatched = Bounce.mail_id.is_null() & (Bounce.created_at < turn.now - UNMATCHED)
    done = {
        "charges to accounts": charges,
        "reports about no mail of ours": turn.chunks(_rows(crm_db, Bounce, unmatched)),
        "finished changes of lists": turn.chunks(_rows(campaign_db, ListWork, ListWork.finished_at < turn.now - WORK)),
        "finished decisions": turn.chunks(_rows(crm_db, Decision, Decision.finished_at < turn.now - WORK)),
        "deliveries to webhooks": turn.chunks(_rows(crm_db, WebhookDelivery, _told(turn.now))),
        "keys of creations": _delete(campaign_db, IdempotencyKey, IdempotencyKey.created_at < turn.now - KEYS),
        "entries of the audit log": turn.chunks(_audit(turn)),
        "sessions that nobody uses": _delete(campaign_db, Session, Session.seen_at < turn.now - IDLE),
        "links for passwords": _delete(campaign_db, PasswordLink, PasswordLink.ends_at < turn.now - WORK),
        "counts by provider": _delete(crm_db, ProviderCount, ProviderCount.day < turn.now // DAY - COUNTS),
    }
    yield from (f"Deleted {number} old {what}." for what, number in done.items() if number)


def _told(now: int):
    return (WebhookDelivery.state != "pending") & (WebhookDelivery.created_at < now - TOLD)


def _audit(turn) -> Callable[[], int]:
    """The only ones who ever delete any."""
    days = turn.settings.audit_days
    return _rows(campaign_db, AuditEntry, AuditEntry.at < turn.now - days * DAY) if days else lambda: 0


def _accounts() -> list[int]:
    """Those that ever sent, whether they are still there or not."""
    with db.session(crm_db):
        used = {account_id for (account_id,) in SmtpUsage.select(SmtpUsage.smtp_account_id).distinct().tuples()}
        return sorted(used | {account_id for (account_id,) in SmtpAccount.select(SmtpAccount.id).tuples()})


def _charges(account_id: int, before: int) -> int:
    """By the primary key: the charges that claims look at are never locked."""
    mine = (SmtpUsage.smtp_account_id == account_id) & (SmtpUsage.bucket < before)
    with db.session(crm_db):
        last = SmtpUsage.select(SmtpUsage.bucket).where(mine).order_by(SmtpUsage.bucket).limit(CHUNK).tuples()
        buckets = [bucket for (bucket,) in last]
    return _delete(crm_db, SmtpUsage, mine & (SmtpUsage.bucket <= buckets[-1])) if buckets else 0


def _rows(database, model, chosen) -> Callable[[], int]:
    def work() -> int:
        with db.session(database):
            ids = [row_id for (row_id,) in model.select(model.id).where(chosen).limit(CHUNK).tuples()]
        return _delete(database, model, model.id.in_(ids)) if ids else 0

    return work


def _delete(database, model, chosen) -> int:
    return db.transaction(database, model.delete().where(chosen).execute)
