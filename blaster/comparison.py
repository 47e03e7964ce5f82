"""What became of a user's finished campaigns, side by side."""

from dataclasses import dataclass

from peewee import fn

from blaster import db, suppressions
from blaster.db import campaign_db, crm_db
from blaster.mail.bounces import CLASSES
from blaster.models.bounces import CampaignBounces
from blaster.models.campaign_db import Campaign, CampaignStatus
from blaster.models.crm_db import Suppression

MOST = 200  # the newest campaigns; older ones are not compared


@dataclass(frozen=True)
class Line:
    """One campaign. Instants and `duration` in ms (pauses count); `unsubscribed`: by its links, and not taken back."""

    campaign_id: int
    name: str
    started_at: int
    finished_at: int
    sent: int
    failed: int
    bounces: int
    complaints: int
    unsubscribed: int

    @property
    def duration(self) -> int:
        return max(0, self.finished_at - self.started_at)

    @property
    def per_hour(self) -> int:
        """Mails an hour, over its whole time."""
        return round((self.sent + self.failed) * 3_600_000 / self.duration) if self.duration else 0

    def share(self, column: str) -> float:
        """Failed ones of all that were tried; what came back, of those sent."""
        of = self.sent + self.failed if column == "failed" else self.sent
        return getattr(self, column) / of if of else 0.0


SORTS = {
    "finished": lambda line: line.finished_at,
    "name": lambda line: line.name.casefold(),
    "sent": lambda line: line.sent,
    **{name: lambda line, name=name: line.share(name) for name in ("failed", "bounces", "complaints", "unsubscribed")},
    "duration": lambda line: line.duration,
    "per_hour": lambda line: line.per_hour,
}


def lines(user_id: int, sort: str = "finished", *, rising: bool = False) -> list[Line]:
    """Up to MOST campaigns, the newest ones, in the order of a column of SORTS; by what came back: of its share."""
    status = CampaignStatus
    columns = (status.started_at, status.finished_at, status.sent_emails, status.failed_emails)
    query = Campaign.select(Campaign.campaign_id, Campaign.name, *columns)
    query = query.join(status, on=status.campaign_id == Campaign.campaign_id)
    with db.session(campaign_db):
        mine = (Campaign.user_id == user_id) & (status.status == "finished")
        rows = list(query.where(mine).order_by(Campaign.campaign_id.desc()).limit(MOST).tuples())
    with db.session(crm_db):
        came_back, left = _came_back(user_id), _unsubscribed(user_id)
    found = [
        Line(number, name, begun or 0, done or 0, *counts, *came_back.get(number, (0, 0)), left.get(number, 0))
        for number, name, begun, done, *counts in rows
    ]
    return sorted(found, key=SORTS.get(sort, SORTS["finished"]), reverse=not rising)


def _came_back(user_id: int) -> dict[int, tuple[int, int]]:
    rows = CampaignBounces.select().where(CampaignBounces.user_id == user_id)
    return {row.campaign_id: (sum(getattr(row, name) for name in CLASSES), row.complaint) for row in rows}


def _unsubscribed(user_id: int) -> dict[int, int]:
    of = Suppression.campaign_id
    mine = (Suppression.user_id == user_id) & (Suppression.reason == suppressions.UNSUBSCRIBE) & of.is_null(False)
    return dict(Suppression.select(of, fn.COUNT(Suppression.id)).where(mine).group_by(of).tuples())
