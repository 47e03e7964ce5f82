"""Budgets of SMTP accounts: rolling 60 minutes and rolling 24 hours, exact, shared by all workers, safe over crashes.

A mail is charged to a bucket of five minutes in the transaction that claims it. A bucket counts as long as any instant
of it lies in the window, so an edge can only make us send less. The charge moves along with the row's last step.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from blaster import db, warmup
from blaster.db import crm_db
from blaster.models.crm_db import SmtpAccount, SmtpUsage

BUCKET = 5 * 60_000
HOUR = 60 * 60_000
DAY = 24 * HOUR
LIMITS = (
    *(SmtpAccount.id, SmtpAccount.hourly_limit, SmtpAccount.daily_limit),
    *(SmtpAccount.warmup_start, SmtpAccount.warmup_from),
)
_COLUMNS = (SmtpUsage.smtp_account_id, SmtpUsage.bucket, SmtpUsage.taken)


@dataclass(frozen=True)
class Budget:
    """What an account may still send. `next_at`: when it may again if nothing is left; None: never as it is."""

    hour_limit: int
    hour_used: int
    day_limit: int
    day_used: int
    next_at: int | None

    @property
    def hour_left(self) -> int:
        return max(0, self.hour_limit - self.hour_used)

    @property
    def day_left(self) -> int:
        return max(0, self.day_limit - self.day_used)

    @property
    def left(self) -> int:
        return min(self.hour_left, self.day_left)

    @property
    def binding(self) -> str:
        """The limit that is used up, in words; empty while there is something left."""
        if self.left:
            return ""
        return "daily limit" if self.day_left == 0 else "hourly limit"


def bucket_of(instant: int) -> int:
    """The bucket that an instant falls into."""
    return instant - instant % BUCKET


def budget(hour_limit: int, day_limit: int, usage: Iterable[tuple[int, int]], now: int) -> Budget:
    """The budget from limits and (bucket, taken) pairs; pure."""
    usage = sorted((bucket, taken) for bucket, taken in usage if taken and _counts(bucket, DAY, now))
    hour = [(bucket, taken) for bucket, taken in usage if _counts(bucket, HOUR, now)]
    next_at = _latest(_free_at(hour, hour_limit, HOUR, now), _free_at(usage, day_limit, DAY, now))
    return Budget(hour_limit, sum(n for _, n in hour), day_limit, sum(n for _, n in usage), next_at)


def _counts(bucket: int, window: int, now: int) -> bool:
    return bucket + BUCKET > now - window


def _free_at(usage: list[tuple[int, int]], limit: int, window: int, now: int) -> int | None:
    """When the sum over the window falls below the limit."""
    used = sum(taken for _, taken in usage)
    if used < limit:
        return now
    for bucket, taken in usage:
        used -= taken
        if used < limit:
            return bucket + BUCKET + window
    return None


def budget_of(account: SmtpAccount, usage: Iterable[tuple[int, int]], now: int) -> Budget:
    """The budget of an account whose daily limit may still grow by its warm-up plan; pure."""
    usage = list(usage)
    found = budget(account.hourly_limit, warmup.daily_limit(account, now), usage, now)
    if not found.left and (grows_at := warmup.next_step(account, now)) and grows_at < (found.next_at or grows_at + 1):
        later = budget_of(account, usage, grows_at)
        return replace(found, next_at=later.next_at)
    return found


def _latest(*instants: int | None) -> int | None:
    return None if None in instants else max(instants)


def budgets(user_id: int, now: int | None = None, account_id: int | None = None) -> dict[int, Budget]:
    """The budgets of all accounts of a user by account id, or of one account alone."""
    mine = SmtpAccount.user_id == user_id
    if account_id is not None:
        mine &= SmtpAccount.id == account_id
    with db.session(crm_db):
        now = now or db.now(crm_db)
        accounts = list(SmtpAccount.select().where(mine))
        used = usage([account.id for account in accounts], now)
    return {account.id: budget_of(account, used[account.id], now) for account in accounts}


def usage(account_ids: Collection[int], now: int) -> dict[int, list[tuple[int, int]]]:
    """(bucket, taken) of the last 24 hours by account, in order; the caller has seen to it whose they are."""
    found: dict[int, list] = {account_id: [] for account_id in account_ids}
    counts = SmtpUsage.smtp_account_id.in_(list(found)) & (SmtpUsage.bucket > now - DAY - BUCKET)
    with db.session(crm_db):
        for account_id, *used in SmtpUsage.select(*_COLUMNS).where(counts).order_by(SmtpUsage.bucket).tuples():
            found[account_id].append(tuple(used))
    return found


def lock(user_id: int, server_id: int, ids: Collection[int]) -> list[SmtpAccount]:
    """Those of the accounts that may be used, with their LIMITS, locked in the order of their ids."""
    mine = (SmtpAccount.user_id == user_id) & (SmtpAccount.smtp_server_id == server_id) & SmtpAccount.is_active
    query = SmtpAccount.select(*LIMITS).where(SmtpAccount.id.in_(list(ids)) & mine)
    return list(db.locked(query.order_by(SmtpAccount.id)))


def left(accounts: Collection[SmtpAccount], now: int) -> dict[int, int]:
    """What each may still be charged, by id; true only while the caller holds the locks on the accounts' rows.

    `accounts` need have no more than their LIMITS.
    """
    if not accounts:
        return {}
    query = "SELECT smtp_account_id, SUM(CASE WHEN bucket>%s THEN taken ELSE 0 END), SUM(taken) FROM smtp_usage"
    query += f" WHERE smtp_account_id IN ({', '.join(str(a.id) for a in accounts)}) AND bucket>%s"
    query += " GROUP BY smtp_account_id"
    rows = db.execute(crm_db, query, now - HOUR - BUCKET, now - DAY - BUCKET).fetchall()
    used = {account_id: (int(hour), int(day)) for account_id, hour, day in rows}
    return {account.id: _left(account, *used.get(account.id, (0, 0)), now) for account in accounts}


def _left(account: SmtpAccount, hour: int, day: int, now: int) -> int:
    return max(0, min(account.hourly_limit - hour, warmup.daily_limit(account, now) - day))


def may_move(bucket: int, now: int) -> bool:
    """True while a charge in this bucket still counts, so that moving it to now takes nothing new."""
    return _counts(bucket, HOUR, now)


def move(moves: Iterable[tuple[int, int | None, int | None]]) -> None:
    """Move the charges of single mails: (account, bucket it is in, bucket it belongs in); None: no charge."""
    changes: Counter = Counter()
    for account_id, old, new in moves:
        changes[account_id, old] -= 1
        changes[account_id, new] += 1
    charge((account_id, bucket, n) for (account_id, bucket), n in changes.items() if bucket is not None)


def charge(changes: Iterable[tuple[int, int, int]]) -> None:
    """Add (account, bucket, mails) to the ledger; a negative number gives back."""
    if changes := sorted(change for change in changes if change[2]):
        db.upsert(SmtpUsage, _COLUMNS, changes, add=(SmtpUsage.taken,))
