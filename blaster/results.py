"""What a campaign came to: who took it, who left, and where it counts them, opens and clicks."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from peewee import fn

from blaster import db, suppressions
from blaster.db import campaign_db, crm_db
from blaster.errors import NotFound
from blaster.mail.bounces import CLASSES
from blaster.models.bounces import CampaignBounces
from blaster.models.campaign_db import Campaign, CampaignStatus
from blaster.models.crm_db import Suppression
from blaster.models.tracking import CampaignLink, HitCount
from blaster.rates import Figures

OPENED, CLICKED = 0, -1  # in the place of a link, as `queue.hits` counts


@dataclass(frozen=True)
class Link:
    """One link: how many mails it was clicked in by people, and how many by machines only."""

    number: int
    url: str
    people: int
    machines: int


@dataclass
class Trace:
    """What told who came (a key of mail.marks, or nothing): mails opened, and links of mails clicked."""

    mark: str
    is_machine: bool
    opens: int = 0
    clicks: int = 0


@dataclass(frozen=True)
class Results:
    """`machines`: mails that only machines opened and clicked (OPENED, CLICKED). counted_at: ms, 0 before the first
    count; is_final: the campaign is archived, nothing is counted any more."""

    figures: Figures
    machines: dict[int, int]
    links: list[Link] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    counted_at: int = 0
    is_final: bool = False


def of(user_id: int, campaign_id: int) -> Results:
    """As of the last count (`queue.hits.count`). Raises NotFound."""
    campaign, status = _campaign(user_id, campaign_id)
    with db.session(crm_db):
        bounces = CampaignBounces.get_or_none(CampaignBounces.campaign_id == campaign_id) or CampaignBounces()
        rows = list(HitCount.select().where(HitCount.campaign_id == campaign_id))
        urls = CampaignLink.select(CampaignLink.number, CampaignLink.url).where(CampaignLink.campaign_id == campaign_id)
        links = list(urls.order_by(CampaignLink.number).tuples())
        figures = Figures(
            sent=status.sent_emails,
            failed=status.failed_emails,
            bounces=sum(getattr(bounces, name) for name in CLASSES),
            complaints=bounces.complaint,
            unsubscribed=_unsubscribed(user_id, campaign_id),
            opened=_mails(rows, OPENED, is_machine=False) if campaign.tracks_opens else None,
            clicked=_mails(rows, CLICKED, is_machine=False) if campaign.tracks_clicks else None,
        )
    return Results(
        figures,
        {link: _mails(rows, link, is_machine=True) for link in (OPENED, CLICKED)},
        [
            Link(number, url, *(_mails(rows, number, is_machine=machine) for machine in (False, True)))
            for number, url in links
        ],
        _traces(rows),
        max((row.counted_at for row in rows), default=0),
        any(row.is_final for row in rows),
    )


def _campaign(user_id: int, campaign_id: int) -> tuple[Campaign, CampaignStatus]:
    columns = (Campaign.tracks_opens, Campaign.tracks_clicks)
    with db.session(campaign_db):
        mine = (Campaign.campaign_id == campaign_id) & (Campaign.user_id == user_id)
        found = Campaign.select(*columns).where(mine).first()
        if found is None:
            raise NotFound("No such campaign.")
        return found, CampaignStatus.get_by_id(campaign_id)


def _unsubscribed(user_id: int, campaign_id: int) -> int:
    mine = (Suppression.user_id == user_id) & (Suppression.campaign_id == campaign_id)
    left = mine & (Suppression.reason == suppressions.UNSUBSCRIBE)
    return Suppression.select(fn.COUNT(Suppression.email_key.distinct())).where(left).scalar()


def _mails(rows: Iterable[HitCount], link: int, *, is_machine: bool) -> int:
    return sum(row.mails for row in rows if row.link == link and row.is_machine == is_machine)


def _traces(rows: Iterable[HitCount]) -> list[Trace]:
    """The largest first, people before machines."""
    found: dict[tuple, Trace] = {}
    for row in rows:
        if row.link != CLICKED:
            trace = found.setdefault((row.mark, row.is_machine), Trace(row.mark, row.is_machine))
            setattr(trace, kind := "clicks" if row.link else "opens", getattr(trace, kind) + row.mails)
    return sorted(found.values(), key=lambda trace: (trace.is_machine, -trace.opens - trace.clicks))
