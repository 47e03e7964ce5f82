"""What users have to send against what their accounts may send: when it is done, who starves, what stands still."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from peewee import fn

from blaster import windows
from blaster.capacity.supply import Left
from blaster.models.campaign_db import Campaign, CampaignStatus
from blaster.models.minutes import CampaignMinute

STANDS = 10 * 60_000  # ms without a mail after which a campaign stands still
NO_WORKER, NO_ACCOUNT = "No worker is alive", "No account of the user can be used"
LIMITS, HOURS, UNKNOWN = "The user’s limits are used up", "Outside its sending hours", "Not known: see the workers’ log"
_WORST = ("starves", "waits", "behind", "flows")


@dataclass(frozen=True)
class Waiting:
    """A campaign that is under way. `mails`: pending and on their way; `moved_at`: ms, its last mail or its start."""

    campaign_id: int
    user_id: int
    mails: int
    started_at: int
    moved_at: int
    snapshot_at: int
    send_windows: str | None


@dataclass(frozen=True)
class Balance:
    """One user's demand and supply. `clears_in`: hours until all is sent, None: never as it is."""

    user_id: int
    name: str
    campaigns: int
    mails: int
    left: Left

    @property
    def clears_in(self) -> float | None:
        return hours_to_clear(self.mails, self.left)

    @property
    def state(self) -> str:
        """starves: no account can send; waits: for its limits; behind: more than a day's budget; flows."""
        if not self.mails or self.left.day >= self.mails and self.left.now:
            return "flows"
        if not self.left.day:
            return "starves"
        return "behind" if self.left.now else "waits"


@dataclass(frozen=True)
class Stalled:
    """A campaign with mails to send of which none was sent since `since` (ms), and why."""

    campaign_id: int
    user_id: int
    name: str
    mails: int
    since: int
    why: str


def hours_to_clear(mails: int, left: Left) -> float | None:
    """About how long so many mails take, by the limits alone. None: never."""
    if not mails:
        return 0.0
    if not left.hour_limit or not left.day_limit:
        return None
    by_hour = 1 + max(0, mails - left.hour) / left.hour_limit
    if mails <= left.day:
        return min(by_hour, 24.0)
    return max(by_hour, 24.0 * (1 + (mails - left.day) / left.day_limit))


def waiting() -> list[Waiting]:
    """All campaigns that are under way; reads Server 1."""
    of, status = Campaign, CampaignStatus
    mails = status.pending_emails + status.active_emails
    columns = (status.campaign_id, of.user_id, mails, status.started_at, status.snapshot_at, of.send_windows)
    query = status.select(*columns).join(of, on=of.campaign_id == status.campaign_id)
    rows = list(query.where(status.status.in_(["staging", "running"])).tuples())
    moved = _last_minutes([row[0] for row in rows])
    return [_waiting(*row, moved.get(row[0], 0)) for row in rows]


def _last_minutes(campaign_ids: list[int]) -> dict[int, int]:
    """In which each sent something."""
    row = CampaignMinute
    query = row.select(row.campaign_id, fn.MAX(row.minute)).where(row.campaign_id.in_(campaign_ids))
    return dict(query.group_by(row.campaign_id).tuples())


def _waiting(campaign_id, user_id, mails, started_at, snapshot_at, send_windows, minute) -> Waiting:
    began = started_at or 0
    return Waiting(campaign_id, user_id, int(mails), began, max(began, minute), snapshot_at, send_windows)


def balances(campaigns: Iterable[Waiting], left: dict[int, Left], names: dict[int, str]) -> list[Balance]:
    """Of each user with a campaign under way, the worst off first."""
    by_user: dict[int, list[Waiting]] = {}
    for each in campaigns:
        by_user.setdefault(each.user_id, []).append(each)
    found = [
        Balance(user_id, names.get(user_id, ""), len(of), sum(each.mails for each in of), left.get(user_id, Left()))
        for user_id, of in by_user.items()
    ]
    return sorted(found, key=lambda row: (_WORST.index(row.state), -row.mails))


def total(of: Sequence[Balance], left: Left) -> Balance:
    """The sums; it clears when the last user's mails are sent, for nobody sends through another's accounts."""
    return _Total(0, "", sum(row.campaigns for row in of), sum(row.mails for row in of), left, tuple(of))


@dataclass(frozen=True)
class _Total(Balance):
    of: tuple[Balance, ...] = ()

    @property
    def clears_in(self) -> float | None:
        hours = [row.clears_in for row in self.of]
        return None if None in hours else max(hours, default=0.0)


def stalled(
    campaigns: Iterable[Waiting], left: dict[int, Left], names: dict[int, str], now: int, has_worker: bool
) -> list[Stalled]:
    """Those of which nothing was sent for a while, the longest first."""
    still = [each for each in campaigns if each.mails and now - each.moved_at > STANDS]
    found = [
        Stalled(
            each.campaign_id,
            each.user_id,
            names.get(each.user_id, ""),
            each.mails,
            each.moved_at,
            _why(each, left.get(each.user_id, Left()), now, has_worker),
        )
        for each in still
    ]
    return sorted(found, key=lambda row: row.since)


def _why(campaign: Waiting, left: Left, now: int, has_worker: bool) -> str:
    if not has_worker:
        return NO_WORKER
    if not left.day:
        return NO_ACCOUNT
    if not windows.is_open(windows.load(campaign.send_windows), now):
        return HOURS
    return UNKNOWN if left.now else LIMITS
