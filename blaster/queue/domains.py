"""Receiving domains that refuse mail of a user as unwanted: what waits for them waits longer."""

from peewee import fn

from blaster import db
from blaster.db import crm_db
from blaster.errors import NotFound
from blaster.models.bounces import DomainPause
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import control, ranges

HOUR = 3_600_000
PAUSES = (1 * HOUR, 4 * HOUR, 24 * HOUR)  # the first, the second, each further refusal in a row
FORGIVEN = 48 * HOUR  # after so long without a refusal the next one is the first again
FEWEST, SHARE = 3, 0.1  # refusals within an hour, and of what was sent there
NEWEST = 20_000
SLICE = 1_000


def of(email_key: str) -> str:
    """The domain of an address key."""
    return email_key.rpartition("@")[2]


def refused(user_id: int, domain: str, reason: str) -> bool:
    """A mail was refused as unwanted there. True if the domain rests from now on: one refusal may be one recipient's
    own filter, so it takes several within an hour, and a share of what was sent. Those under way do not count."""

    def work():
        now = db.now(crm_db)
        mine = (DomainPause.user_id == user_id) & (DomainPause.domain == domain)
        row = db.locked(DomainPause.select().where(mine)).first() or DomainPause(until=0, since=0, times=0)
        if row.until > now:
            return False
        if now - row.since > HOUR:
            row.since, row.refusals = now, 0
        row.refusals += 1
        if rests := _is_too_much(user_id, domain, row.refusals, now):
            row.times = row.times + 1 if now - row.until < FORGIVEN else 1
            row.until, row.since = now + PAUSES[min(row.times, len(PAUSES)) - 1], 0
        row.reason = reason[:300]
        values = (user_id, domain, *(getattr(row, column.name) for column in _CHANGED))
        db.upsert(DomainPause, (DomainPause.user_id, DomainPause.domain, *_CHANGED), [values], replace=_CHANGED)
        return rests

    return db.transaction(crm_db, work)


_CHANGED = tuple(getattr(DomainPause, name) for name in ("refusals", "since", "until", "times", "reason"))


def _is_too_much(user_id: int, domain: str, refusals: int, now: int) -> bool:
    if refusals < FEWEST:
        return False
    sent = sum(_sent(campaign_id, domain, now - HOUR) for campaign_id in _open_campaigns(user_id))
    return refusals >= SHARE * (sent + refusals)


def _sent(campaign_id: int, domain: str, since: int) -> int:
    """Among the newest mails of a campaign: enough to judge a share, and not all of a fast hour."""
    of = (Mail.campaign_id == campaign_id) & (Mail.status == "sent") & (Mail.due_at > since)
    newest = Mail.select(Mail.email_key).where(of).order_by(Mail.due_at.desc()).limit(NEWEST)
    return sum(key.endswith(f"@{domain}") for (key,) in newest.tuples())


def _open_campaigns(user_id: int) -> list[int]:
    mine = (CampaignControl.user_id == user_id) & CampaignControl.run_state.in_(control.OPEN)
    return [row_id for (row_id,) in CampaignControl.select(CampaignControl.campaign_id).where(mine).tuples()]


def resting(user_id: int | None = None) -> list[DomainPause]:
    """Domains that rest now: of a user, or of all (for workers)."""
    with db.session(crm_db):
        chosen = DomainPause.until > db.now(crm_db)
        if user_id is not None:
            chosen &= DomainPause.user_id == user_id
        return list(DomainPause.select().where(chosen).order_by(DomainPause.until))


def release(user_id: int, domain: str) -> int:
    """End the rest of a domain: its owner says so. What was put off is due now; returns how many mails.

    If it refuses again it rests for longer. Raises NotFound where it does not rest.
    """

    def work():
        now = db.now(crm_db)
        mine = (DomainPause.user_id == user_id) & (DomainPause.domain == domain) & (DomainPause.until > now)
        row = db.locked(DomainPause.select().where(mine)).first()
        if row is None:
            raise NotFound("This domain does not rest.")
        values = {"until": now, "since": 0, "refusals": 0}
        DomainPause.update(values).where((DomainPause.user_id == user_id) & (DomainPause.domain == domain)).execute()
        return row.until, now

    until, now = db.transaction(crm_db, work)
    with db.session(crm_db):
        ids = _open_campaigns(user_id)
    return sum(_put_forward(campaign_id, domain, until, now) for campaign_id in ids)


def _put_forward(campaign_id: int, domain: str, until: int, now: int) -> int:
    """In slices, as they were put off."""
    put_off = (Mail.campaign_id == campaign_id) & (Mail.status == "pending") & (Mail.due_at == until)
    with db.session(crm_db):
        found = Mail.select(Mail.id).where(put_off & Mail.email_key.endswith(f"@{domain}"))
        ids = [id for (id,) in found.tuples()]
    changed = 0
    for start in range(0, len(ids), SLICE):
        chosen = put_off & Mail.id.in_(ids[start : start + SLICE])
        changed += db.transaction(crm_db, Mail.update(due_at=now).where(chosen).execute)
    return changed


def postpone(pause: DomainPause) -> int:
    """Put off the pending mails of its user to this domain until it ends; returns how many.

    Walks over all pending mails of the user's open campaigns (a second for a million), so not too often, please. What
    is claimed already goes out.
    """
    with db.session(crm_db):
        ids = _open_campaigns(pause.user_id)
    return sum(_postpone(campaign_id, pause) for campaign_id in ids)


def _postpone(campaign_id: int, pause: DomainPause) -> int:
    """In slices, so that no claim waits for long."""
    there = Mail.email_key.endswith(f"@{pause.domain}") & (Mail.due_at < pause.until)
    pending = (Mail.campaign_id == campaign_id) & (Mail.status == "pending") & there
    with db.session(crm_db):
        ids = [id for (id,) in Mail.select(Mail.id).where(pending).tuples()]
    # Somebody may have released the domain since: then nothing else is put off.
    same = (DomainPause.user_id == pause.user_id) & (DomainPause.domain == pause.domain)
    rests = fn.EXISTS(DomainPause.select(DomainPause.until).where(same & (DomainPause.until == pause.until)))
    still = (Mail.status == "pending") & (Mail.due_at < pause.until) & rests
    changed = 0
    for start in range(0, len(ids), SLICE):
        chosen = Mail.id.in_(ids[start : start + SLICE]) & still
        changed += db.transaction(crm_db, lambda c=chosen: _put_off(campaign_id, pause.until, c))
    return changed


def _put_off(campaign_id: int, until: int, chosen) -> int:
    mails = list(db.locked(Mail.select(Mail.id, Mail.due_at).where(chosen)).tuples())
    behind = ranges.cursor(campaign_id)
    ids = [mail_id for mail_id, due_at in mails if due_at or mail_id > behind]
    return Mail.update(due_at=until).where(Mail.id.in_(ids)).execute() if ids else 0
