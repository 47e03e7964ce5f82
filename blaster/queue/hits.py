"""What was opened and clicked: recorded as it comes, counted when somebody looks.

A row for each mail and link, however often it is hit, so that whoever holds a mail cannot fill the table. A person's
hit takes the place of a machine's, never the other way round. Whoever asks, nothing is stored that names a place or a
device.
"""

from peewee import fn

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import Mail
from blaster.models.tracking import CampaignLink, Hit, HitCount

ANY = -1  # in the place of a link: any of them
EARLY, BURST = "early", "burst"  # marks (mail/marks.toml) that only the clock tells
SOON, AT_ONCE = 5_000, 1_000  # ms after a mail was made; between clicks on several links of it

_COLUMNS = (Hit.campaign_id, Hit.mail_id, Hit.link, Hit.mark, Hit.is_machine, Hit.at)
_COUNTS = (HitCount.campaign_id, HitCount.link, HitCount.is_machine, HitCount.mark)
_COUNTS += (HitCount.mails, HitCount.counted_at, HitCount.is_final)


def links(campaign_id: int) -> list[str]:
    """Where the links of a campaign lead, the first one's number is 1."""
    with db.session(crm_db):
        rows = CampaignLink.select(CampaignLink.url).where(CampaignLink.campaign_id == campaign_id)
        return [url for (url,) in rows.order_by(CampaignLink.number).tuples()]


def record(
    campaign_id: int, mail_id: int, link: int, *, made_at: int, mark: str = "", is_machine: bool = False
) -> None:
    """A mail was opened (`link` 0) or a link of it clicked. `made_at`: when the mail was made, ms UTC.

    Single statements, none waits for another. Nothing is recorded of a mail that was archived, or whose address was
    erased.
    """
    with db.session(crm_db):
        mine = (Hit.campaign_id == campaign_id) & (Hit.mail_id == mail_id)
        here = mine & (Hit.link == link)
        there = Hit.get_or_none(here)
        if there and (is_machine or not there.is_machine) or not _is_known(mail_id):
            return
        now = db.now(crm_db)
        if not is_machine and now - made_at < SOON:
            mark, is_machine = EARLY, True
        if not there:
            db.insert_new(Hit, _COLUMNS, [(campaign_id, mail_id, link, mark, is_machine, now)])
        elif not is_machine:
            Hit.update(mark=mark, is_machine=False, at=now).where(here).execute()
        if link and not is_machine:
            _judge_burst(mine, now)


def _is_known(mail_id: int) -> bool:
    return "@" in (Mail.select(Mail.email).where(Mail.id == mail_id).scalar() or "")


def _judge_burst(mine, now: int) -> None:
    """Asked after the row was written: of two that come at once, the later one finds both."""
    at_once = mine & (Hit.link > 0) & (Hit.at > now - AT_ONCE)
    if Hit.select().where(at_once).count() > 1:
        Hit.update(mark=BURST, is_machine=True).where(at_once & ~Hit.is_machine).execute()


def _is_final(campaign_id: int) -> bool:
    return HitCount.select().where((HitCount.campaign_id == campaign_id) & HitCount.is_final).exists()


def count(campaign_id: int, max_age: int = 0) -> None:
    """Count anew for pages what was not counted for `max_age` ms. Reads all hits of the campaign."""
    with db.session(crm_db):
        now = db.now(crm_db)
        fresh = HitCount.is_final | (HitCount.counted_at > now - max_age)
        if HitCount.select().where((HitCount.campaign_id == campaign_id) & fresh).exists():
            return
        rows = _counted(campaign_id)
    db.transaction(crm_db, lambda: _store(campaign_id, rows, now, is_final=False))


def finish(campaign_id: int) -> None:
    """Count for good; the hits may go then. Within the caller's transaction."""
    if not _is_final(campaign_id):
        _store(campaign_id, _counted(campaign_id), db.now(crm_db), is_final=True)


def forget(campaign_id: int, mail_ids: list[int]) -> None:
    """Delete what is known of these mails, within the caller's transaction."""
    Hit.delete().where((Hit.campaign_id == campaign_id) & Hit.mail_id.in_(mail_ids)).execute()


def _counted(campaign_id: int) -> list[tuple]:
    """(link, is_machine, mark, mails)"""
    mine = Hit.campaign_id == campaign_id
    kinds = (Hit.link, Hit.is_machine, Hit.mark)
    rows = list(Hit.select(*kinds, fn.COUNT(Hit.mail_id)).where(mine).group_by(*kinds).tuples())
    clicked = Hit.select(fn.COUNT(Hit.mail_id.distinct())).where(mine & (Hit.link > 0))
    people = clicked.where(~Hit.is_machine).scalar()
    return [*rows, (ANY, False, "", people), (ANY, True, "", clicked.scalar() - people)]


def _store(campaign_id: int, rows: list[tuple], now: int, *, is_final: bool) -> None:
    HitCount.delete().where(HitCount.campaign_id == campaign_id).execute()
    db.insert(HitCount, _COUNTS, [(campaign_id, *row, now, is_final) for row in rows])
