"""Receiving domains that refuse mail of a user as unwanted: what waits for them waits longer."""

from blaster import db
from blaster.db import crm_db
from blaster.models.bounces import DomainPause
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import control

HOUR = 3_600_000
PAUSES = (1 * HOUR, 4 * HOUR, 24 * HOUR)  # the first, the second, each further refusal in a row
FORGIVEN = 48 * HOUR  # after so long without a refusal the next one is the first again
SLICE = 1_000


def of(email_key: str) -> str:
    """The domain of an address key."""
    return email_key.rpartition("@")[2]


def refused(user_id: int, domain: str, reason: str) -> bool:
    """A mail was refused as unwanted there. False while the domain rests already: those were under way."""

    def work():
        now = db.now(crm_db)
        mine = (DomainPause.user_id == user_id) & (DomainPause.domain == domain)
        row = DomainPause.select().where(mine).first()
        if row and row.until > now:
            return False
        times = row.times + 1 if row and now - row.until < FORGIVEN else 1
        until = now + PAUSES[min(times, len(PAUSES)) - 1]
        columns = (*(DomainPause.user_id, DomainPause.domain), *_CHANGED, DomainPause.created_at)
        values = (user_id, domain, until, times, reason[:300], now)
        db.upsert(DomainPause, columns, [values], replace=_CHANGED)
        return True

    return db.transaction(crm_db, work)


_CHANGED = (DomainPause.until, DomainPause.times, DomainPause.reason)


def resting(user_id: int | None = None) -> list[DomainPause]:
    """Domains that rest now: of a user, or of all (for workers)."""
    with db.session(crm_db):
        chosen = DomainPause.until > db.now(crm_db)
        if user_id is not None:
            chosen &= DomainPause.user_id == user_id
        return list(DomainPause.select().where(chosen).order_by(DomainPause.until))


def postpone(pause: DomainPause) -> int:
    """Put off the pending mails of its user to this domain until it ends; returns how many.

    Walks over all pending mails of the user's open campaigns (a second for a million), so not too often, please. What
    is claimed already goes out.
    """
    with db.session(crm_db):
        mine = (CampaignControl.user_id == pause.user_id) & CampaignControl.run_state.in_(control.OPEN)
        ids = [id for (id,) in CampaignControl.select(CampaignControl.campaign_id).where(mine).tuples()]
    return sum(_postpone(campaign_id, pause) for campaign_id in ids)


def _postpone(campaign_id: int, pause: DomainPause) -> int:
    """In slices, so that no claim waits for long."""
    there = Mail.email_key.endswith(f"@{pause.domain}") & (Mail.due_at < pause.until)
    pending = (Mail.campaign_id == campaign_id) & (Mail.status == "pending") & there
    with db.session(crm_db):
        ids = [id for (id,) in Mail.select(Mail.id).where(pending).tuples()]
    still = (Mail.status == "pending") & (Mail.due_at < pause.until)
    changed = 0
    for start in range(0, len(ids), SLICE):
        chosen = Mail.id.in_(ids[start : start + SLICE]) & still
        changed += db.transaction(crm_db, Mail.update(due_at=pause.until).where(chosen).execute)
    return changed
