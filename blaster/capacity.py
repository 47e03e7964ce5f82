"""What the admin sees: demand against supply, who works, how much is queued. No address and no content of anybody."""

from dataclasses import dataclass

from peewee import Case, fn

from blaster import db, warmup
from blaster.db import campaign_db, crm_db
from blaster.models.campaign_db import Campaign, CampaignStatus, User
from blaster.models.crm_db import CampaignControl, CampaignTally, Lease, SmtpAccount, SmtpServer, SmtpUsage

STATES = ("pending", "active", "sent", "failed", "unknown", "suppressed", "cancelled")
_HOUR, _DAY = 60 * 60_000, 24 * 60 * 60_000
_BUCKET = 5 * 60_000  # a bucket counts while any part of it lies in the window, as in queue.quota


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
    """The guide's "SMTP account availability", with what those that are switched on may still send."""

    user_id: int
    name: str
    total_accounts: int
    active_accounts: int
    emails_sent_today: int
    avg_daily_limit: int
    hour_left: int
    day_left: int


@dataclass(frozen=True)
class Held:
    """A lease that is alive. `kind`: worker | server | campaign | …; `expires_at` in ms."""

    kind: str
    name: str
    owner: str
    expires_at: int


@dataclass(frozen=True)
class Monitoring:
    """`queue`: mails by state, over all campaigns that still have some to send; `now`: Server 2's clock, ms."""

    now: int
    load: Load
    users: list[UserLoad]
    accounts: list[UserAccounts]
    leases: list[Held]
    queue: dict[str, int]

    @property
    def workers(self) -> list[Held]:
        """Worker processes that are alive."""
        return [held for held in self.leases if held.kind == "worker"]

    @property
    def hour_left(self) -> int:
        """Mails that all accounts together may send at this moment."""
        return sum(line.hour_left for line in self.accounts)

    @property
    def day_left(self) -> int:
        """The same, were there no hourly limits."""
        return sum(line.day_left for line in self.accounts)


def monitoring() -> Monitoring:
    """Everything at once; the two databases are read one after the other."""
    with db.session(campaign_db):
        names = dict(User.select(User.id, User.name).tuples())
        users = _users(names)
        load = _load()
    with db.session(crm_db):
        now = db.now(crm_db)
        return Monitoring(now, load, users, _accounts(names, now), _leases(now), _queue())


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


def _accounts(names: dict[int, str], now: int) -> list[UserAccounts]:
    active = Case(None, [(SmtpAccount.is_active, 1)], 0)
    query = SmtpAccount.select(
        SmtpAccount.user_id,
        fn.COUNT(SmtpAccount.id),
        fn.SUM(active),
        fn.SUM(SmtpAccount.sent_today),
        fn.AVG(SmtpAccount.daily_limit),
    ).group_by(SmtpAccount.user_id)
    left = _left(now)
    rows = [
        UserAccounts(user_id, names.get(user_id, ""), *_whole(row), *left.get(user_id, (0, 0)))
        for user_id, *row in query.tuples()
    ]
    return sorted(rows, key=lambda row: row.emails_sent_today, reverse=True)


def _left(now: int) -> dict[int, tuple[int, int]]:
    """What the accounts of a user that are switched on may still send, by the hourly and by the daily limits."""
    in_hour = Case(None, [(SmtpUsage.bucket > now - _HOUR - _BUCKET, SmtpUsage.taken)], 0)
    used = SmtpUsage.select(SmtpUsage.smtp_account_id, fn.SUM(in_hour), fn.SUM(SmtpUsage.taken))
    used = used.where(SmtpUsage.bucket > now - _DAY - _BUCKET).group_by(SmtpUsage.smtp_account_id)
    taken = {account_id: _whole(row) for account_id, *row in used.tuples()}
    found: dict[int, tuple[int, int]] = {}
    same = SmtpServer.id == SmtpAccount.smtp_server_id
    for account in SmtpAccount.select().join(SmtpServer, on=same).where(SmtpAccount.is_active & SmtpServer.is_active):
        hour, day = taken.get(account.id, (0, 0))
        day_left = max(0, warmup.daily_limit(account, now) - day)
        hour_left = min(day_left, max(0, account.hourly_limit - hour))
        sums = found.get(account.user_id, (0, 0))
        found[account.user_id] = (sums[0] + hour_left, sums[1] + day_left)
    return found


def _leases(now: int) -> list[Held]:
    alive = Lease.select().where(Lease.expires_at > now).order_by(Lease.name)
    return [Held(row.name.partition(":")[0], row.name, row.owner, row.expires_at) for row in alive]


def _queue() -> dict[str, int]:
    sums = [fn.SUM(getattr(CampaignTally, state)) for state in STATES]
    same = CampaignTally.campaign_id == CampaignControl.campaign_id
    query = CampaignTally.select(*sums).join(CampaignControl, on=same)
    row = query.where(CampaignControl.run_state.in_(["staging", "running", "paused", "cancelling"])).tuples().first()
    return dict(zip(STATES, _whole(row), strict=True))
