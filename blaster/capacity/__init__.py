"""What the admin sees: demand against supply, who works, how much is queued. No address and no content of anybody."""

from collections import Counter
from dataclasses import dataclass

from peewee import Case, fn

from blaster import db
from blaster.capacity import demand, house
from blaster.capacity.demand import Balance, Stalled
from blaster.capacity.house import Store
from blaster.capacity.supply import Left, left_by_user
from blaster.db import campaign_db, crm_db
from blaster.models.campaign_db import Campaign, CampaignStatus, User
from blaster.models.crm_db import CampaignControl, CampaignTally, Lease, SmtpAccount

STATES = ("pending", "active", "sent", "failed", "unknown", "suppressed", "cancelled")
LATE = 30_000  # ms; counters that workers have not renewed for so long are behind


@dataclass(frozen=True)
class Load:
    """The guide's "concurrent campaigns": what runs at this moment."""

    active_campaigns: int
    concurrent_users: int
    total_emails_in_queue: int
    total_pending: int


@dataclass(frozen=True)
class UserLoad:
    """The guide's "per-user campaign activity": one user's running campaigns."""

    user_id: int
    name: str
    active_campaigns: int
    total_emails: int
    sent_emails: int
    pending_emails: int


@dataclass(frozen=True)
class UserAccounts:
    """The guide's "SMTP account availability", with what those that can be used may still send."""

    user_id: int
    name: str
    total_accounts: int
    active_accounts: int
    emails_sent_today: int
    avg_daily_limit: int
    left: Left


@dataclass(frozen=True)
class Held:
    """A lease that is alive. `kind`: worker | server | campaign | …; `expires_at` in ms."""

    kind: str
    name: str
    owner: str
    expires_at: int

    @property
    def host(self) -> str:
        """Where its owner runs."""
        return self.owner.partition(":")[0]


@dataclass(frozen=True)
class Monitoring:
    """`queue`: mails by state, over all campaigns that still have some to send; `now`: Server 2's clock, ms.

    `balances`: who has something to send, the worst off first; `oldest`: when the campaign began that waits longest;
    `lag`: ms by which the counters of a running campaign are behind; `stores`: Server 1 and Server 2.
    """

    now: int
    load: Load
    users: list[UserLoad]
    accounts: list[UserAccounts]
    leases: list[Held]
    queue: dict[str, int]
    balances: list[Balance]
    stalled: list[Stalled]
    oldest: int
    lag: int
    stores: tuple[Store, Store]

    @property
    def workers(self) -> list[Held]:
        """Worker processes that are alive."""
        return [held for held in self.leases if held.kind == "worker"]

    @property
    def hosts(self) -> list[tuple[str, int, int]]:
        """Host, worker processes, SMTP servers that they hold; by name."""
        processes, servers = (
            Counter(held.host for held in self.leases if held.kind == kind) for kind in ("worker", "server")
        )
        return [(host, processes[host], servers[host]) for host in sorted({*processes, *servers})]

    @property
    def left(self) -> Left:
        """What all accounts together may send."""
        return sum((line.left for line in self.accounts), Left())

    @property
    def total(self) -> Balance:
        """All users together."""
        return demand.total(self.balances, self.left)

    @property
    def is_late(self) -> bool:
        """The counters on people's screens are behind."""
        return self.lag > LATE


def monitoring() -> Monitoring:
    """Everything at once; the two databases are read one after the other."""
    with db.session(campaign_db):
        names = dict(User.select(User.id, User.name).tuples())
        users, load, waiting = _users(names), _load(), demand.waiting()
        first = house.look(campaign_db)
    with db.session(crm_db):
        now = db.now(crm_db)
        leases, left = _leases(now), left_by_user(now)
        return Monitoring(
            now=now,
            load=load,
            users=users,
            accounts=_accounts(names, left),
            leases=leases,
            queue=_queue(),
            balances=demand.balances(waiting, left, names),
            stalled=demand.stalled(waiting, left, names, now, any(held.kind == "worker" for held in leases)),
            oldest=min((each.started_at for each in waiting if each.mails), default=0),
            lag=max((now - each.snapshot_at for each in waiting if each.snapshot_at), default=0),
            stores=(first, house.look(crm_db)),
        )


def _running(*columns):
    same = CampaignStatus.campaign_id == Campaign.campaign_id
    query = CampaignStatus.select(*columns).join(Campaign, on=same)
    return query.where(CampaignStatus.status == "running")


def _load() -> Load:
    row = _running(
        fn.COUNT(fn.DISTINCT(CampaignStatus.campaign_id)),
        fn.COUNT(fn.DISTINCT(Campaign.user_id)),
        fn.SUM(CampaignStatus.total_emails),
        fn.SUM(CampaignStatus.pending_emails),
    )
    return Load(*_whole(row.tuples().first()))


def _whole(row) -> list[int]:
    """Sums of no row are NULL, and on MySQL sums and averages are decimals."""
    return [int(number or 0) for number in row]


def _users(names: dict[int, str]) -> list[UserLoad]:
    query = _running(
        Campaign.user_id,
        fn.COUNT(CampaignStatus.campaign_id),
        fn.SUM(CampaignStatus.total_emails),
        fn.SUM(CampaignStatus.sent_emails),
        fn.SUM(CampaignStatus.pending_emails),
    ).group_by(Campaign.user_id)
    rows = [UserLoad(user_id, names.get(user_id, ""), *_whole(row)) for user_id, *row in query.tuples()]
    return sorted(rows, key=lambda row: row.total_emails, reverse=True)


def _accounts(names: dict[int, str], left: dict[int, Left]) -> list[UserAccounts]:
    active = Case(None, [(SmtpAccount.is_active, 1)], 0)
    query = SmtpAccount.select(
        SmtpAccount.user_id,
        fn.COUNT(SmtpAccount.id),
        fn.SUM(active),
        fn.SUM(SmtpAccount.sent_today),
        fn.AVG(SmtpAccount.daily_limit),
    ).group_by(SmtpAccount.user_id)
    rows = [
        UserAccounts(user_id, names.get(user_id, ""), *_whole(row), left.get(user_id, Left()))
        for user_id, *row in query.tuples()
    ]
    return sorted(rows, key=lambda row: row.emails_sent_today, reverse=True)


def _leases(now: int) -> list[Held]:
    alive = Lease.select().where(Lease.expires_at > now).order_by(Lease.name)
    return [Held(row.name.partition(":")[0], row.name, row.owner, row.expires_at) for row in alive]


def _queue() -> dict[str, int]:
    sums = [fn.SUM(getattr(CampaignTally, state)) for state in STATES]
    same = CampaignTally.campaign_id == CampaignControl.campaign_id
    query = CampaignTally.select(*sums).join(CampaignControl, on=same)
    row = query.where(CampaignControl.run_state.in_(["staging", "running", "paused", "cancelling"])).tuples().first()
    return dict(zip(STATES, _whole(row), strict=True))
