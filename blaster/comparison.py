"""What became of a user's finished campaigns, side by side."""

from dataclasses import dataclass

from peewee import fn

from blaster import db, suppressions
from blaster.db import campaign_db, crm_db
from blaster.mail.bounces import CLASSES
from blaster.models.bounces import CampaignBounces
from blaster.models.campaign_db import Campaign, CampaignStatus
from blaster.models.crm_db import Suppression
from blaster.models.tracking import HitCount
from blaster.rates import Figures

MOST = 200  # the newest campaigns; older ones are not compared
OPENED, CLICKED = 0, -1  # in the place of a link, as `queue.hits` counts
SHARES = ("failed", "bounces", "complaints", "unsubscribed", "opened", "clicked")


@dataclass(frozen=True, kw_only=True)
class Line(Figures):
    """One campaign. Instants and `duration` in ms (pauses count)."""

    campaign_id: int
    name: str
    started_at: int
    finished_at: int

    @property
    def duration(self) -> int:
        return max(0, self.finished_at - self.started_at)

    @property
    def per_hour(self) -> int:
        """Mails an hour, over its whole time."""
        return round(self.tried * 3_600_000 / self.duration) if self.duration else 0


SORTS = {
    "finished": lambda line: line.finished_at,
    "name": lambda line: line.name.casefold(),
    "sent": lambda line: line.sent,
    **{name: lambda line, name=name: line.share(name) for name in SHARES},
    "duration": lambda line: line.duration,
    "per_hour": lambda line: line.per_hour,
}


def lines(user_id: int, sort: str = "finished", *, rising: bool = False) -> list[Line]:
    """Up to MOST campaigns, the newest ones, in the order of a column of SORTS; of those of SHARES: by the share.

    Opens and clicks as of their last count (`queue.hits.count`).
    """
    rows = _finished(user_id)
    with db.session(crm_db):
        more = (_came_back(user_id), _unsubscribed(user_id), _hits([row.campaign_id for row in rows]))
    found = [_line(row, *more) for row in rows]
    return sorted(found, key=SORTS.get(sort, SORTS["finished"]), reverse=not rising)


def tracked(user_id: int) -> list[int]:
    """Those of these campaigns that count opens or clicks."""
    return [row.campaign_id for row in _finished(user_id) if row.tracks_opens or row.tracks_clicks]


def _finished(user_id: int) -> list:
    status = CampaignStatus
    columns = (Campaign.campaign_id, Campaign.name, Campaign.tracks_opens, Campaign.tracks_clicks)
    counts = (status.started_at, status.finished_at, status.sent_emails, status.failed_emails)
    query = Campaign.select(*columns, *counts).join(status, on=status.campaign_id == Campaign.campaign_id)
    with db.session(campaign_db):
        mine = (Campaign.user_id == user_id) & (status.status == "finished")
        return list(query.where(mine).order_by(Campaign.campaign_id.desc()).limit(MOST).namedtuples())


def _line(row, came_back: dict, left: dict[int, int], hits: dict) -> Line:
    number = row.campaign_id
    bounces, complaints = came_back.get(number, (0, 0))
    return Line(
        campaign_id=number,
        name=row.name,
        started_at=row.started_at or 0,
        finished_at=row.finished_at or 0,
        sent=row.sent_emails,
        failed=row.failed_emails,
        bounces=bounces,
        complaints=complaints,
        unsubscribed=left.get(number, 0),
        opened=hits.get((number, OPENED), 0) if row.tracks_opens else None,
        clicked=hits.get((number, CLICKED), 0) if row.tracks_clicks else None,
    )


def _came_back(user_id: int) -> dict[int, tuple[int, int]]:
    rows = CampaignBounces.select().where(CampaignBounces.user_id == user_id)
    return {row.campaign_id: (sum(getattr(row, name) for name in CLASSES), row.complaint) for row in rows}


def _unsubscribed(user_id: int) -> dict[int, int]:
    of = Suppression.campaign_id
    mine = (Suppression.user_id == user_id) & (Suppression.reason == suppressions.UNSUBSCRIBE) & of.is_null(False)
    people = fn.COUNT(Suppression.email_key.distinct())  # who left a list first and then all of them has two rows
    return dict(Suppression.select(of, people).where(mine).group_by(of).tuples())


def _hits(campaign_ids: list[int]) -> dict[tuple[int, int], int]:
    """By campaign and OPENED or CLICKED: mails, by people."""
    kinds = (HitCount.campaign_id, HitCount.link)
    people = HitCount.campaign_id.in_(campaign_ids) & HitCount.link.in_((OPENED, CLICKED)) & ~HitCount.is_machine
    rows = HitCount.select(*kinds, fn.SUM(HitCount.mails)).where(people).group_by(*kinds).tuples()
    return {(campaign_id, link): int(mails) for campaign_id, link, mails in rows}
