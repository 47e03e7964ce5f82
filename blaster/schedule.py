"""When a campaign starts by itself, and in which hours it sends. A start that is long overdue waits for a click."""

from dataclasses import dataclass
from datetime import datetime

from blaster import db, windows, zones
from blaster.db import campaign_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.models.campaign_db import Campaign, CampaignStatus
from blaster.windows import Windows

FARTHEST = 2 * 366 * 24 * 60 * 60_000
GRACE = 60 * 60_000  # a start later than this is not what its owner meant: people may be asleep by now


@dataclass(frozen=True)
class Due:
    """A campaign whose time has come; `start_at` tells whether it was scheduled anew meanwhile."""

    user_id: int
    campaign_id: int
    start_at: int


def schedule(user_id: int, campaign_id: int, wall: str, zone: str) -> str:
    """draft -> scheduled, or another time for a scheduled one. `wall`: `2026-11-26T08:00` on the clocks of `zone`.

    Returns what is odd about that time, in a sentence, or "". Raises Invalid, NotFound, Conflict after the start.
    """
    start_at, odd = _instant(wall, zone)

    def work():
        now = db.now(campaign_db)
        if start_at <= now:
            raise Invalid({"start_at": "That time has passed. Choose a later one, or start at once."})
        if start_at > now + FARTHEST:
            raise Invalid({"start_at": "Choose a time within the next two years."})
        _lock(user_id, campaign_id, ("draft", "scheduled"), "This campaign was started already.")
        _update(campaign_id, status="scheduled", start_at=start_at, start_zone=zone, note="")

    db.transaction(campaign_db, work)
    return odd


def _instant(wall: str, zone: str) -> tuple[int, str]:
    if not zones.is_known(zone):
        raise Invalid({"zone": "Choose a time zone of the list."})
    try:
        moment = datetime.fromisoformat(wall).replace(second=0, microsecond=0, tzinfo=None)
        instant, odd = zones.instant_of(moment, zone)
    except (ValueError, OverflowError) as error:
        raise Invalid({"start_at": "Enter a day and a time, for example 2027-03-01 08:00."}) from error
    return instant, _oddity(moment, instant, zone) if odd else ""


def _oddity(moment: datetime, instant: int, zone: str) -> str:
    there = zones.wall_of(instant, zone)
    if there.replace(tzinfo=None) != moment:
        return f"{moment:%H:%M} does not exist on that day: the clocks go forward. It starts at {there:%H:%M} instead."
    return f"{moment:%H:%M} comes twice on that day: the clocks go back. It starts the first time ({there:%Z})."


def unschedule(user_id: int, campaign_id: int) -> None:
    """scheduled -> draft. Raises NotFound, and Conflict once it has started."""

    def work():
        _lock(user_id, campaign_id, ("scheduled", "draft"), "This campaign has started already.")
        _update(campaign_id, status="draft", start_at=None, start_zone="", note="")

    db.transaction(campaign_db, work)


def due() -> list[Due]:
    """For workers: what is to start now. What should have started more than GRACE ago, or was held, is not."""
    columns = (Campaign.user_id, Campaign.campaign_id, CampaignStatus.start_at)
    same = CampaignStatus.campaign_id == Campaign.campaign_id
    with db.session(campaign_db):
        now = db.now(campaign_db)
        ready = (CampaignStatus.status == "scheduled") & (CampaignStatus.note == "")
        ready &= CampaignStatus.start_at.between(now - GRACE, now)
        return [Due(*row) for row in Campaign.select(*columns).join(CampaignStatus, on=same).where(ready).tuples()]


def hold(found: Due, reason: str) -> None:
    """It cannot start as it is: wait for its owner."""
    mine = (CampaignStatus.campaign_id == found.campaign_id) & (CampaignStatus.start_at == found.start_at)
    with db.session(campaign_db):
        CampaignStatus.update(note=reason[:500]).where(mine & (CampaignStatus.status == "scheduled")).execute()


def is_held(status: CampaignStatus) -> bool:
    """A scheduled campaign that does not start by itself any more: too late, or something is missing (`note`)."""
    if status.status != "scheduled":
        return False
    with db.session(campaign_db):
        return bool(status.note) or status.start_at < db.now(campaign_db) - GRACE


def set_windows(user_id: int, campaign_id: int, hours: Windows | None) -> bool:
    """The sending hours; True where the campaign has started, so that Server 2 has to know (`queue.control`).

    Raises NotFound, and Conflict in the moment of its start.
    """

    def work():
        status = _lock(user_id, campaign_id)
        if status.status == "staging":
            raise Conflict("The campaign is just starting. Try again in a few seconds.")
        mine = (Campaign.campaign_id == campaign_id) & (Campaign.user_id == user_id)
        Campaign.update(send_windows=windows.store(hours)).where(mine).execute()
        return status.status not in ("draft", "scheduled")

    return db.transaction(campaign_db, work)


def _lock(user_id: int, campaign_id: int, of: tuple = (), otherwise: str = "") -> CampaignStatus:
    mine = (Campaign.campaign_id == campaign_id) & (Campaign.user_id == user_id)
    owned = Campaign.select(Campaign.campaign_id).where(mine)
    status = db.locked(CampaignStatus.select().where(CampaignStatus.campaign_id.in_(owned))).first()
    if status is None:
        raise NotFound("No such campaign.")
    if of and status.status not in of:
        raise Conflict(otherwise)
    return status


def _update(campaign_id: int, **values) -> None:
    CampaignStatus.update(**values).where(CampaignStatus.campaign_id == campaign_id).execute()
