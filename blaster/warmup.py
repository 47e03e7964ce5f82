"""The warm-up plan of an SMTP account: how its daily limit grows. A ramp of volume only, no artificial mail. Pure.

Providers distrust a new sender that mails thousands on its first day. A plan starts low and grows by half each day
until it reaches the account's own daily limit.
"""

from collections.abc import Iterator
from dataclasses import dataclass

DAY = 24 * 60 * 60_000
FACTOR = 1.5
LONGEST = 366  # days; from one mail to a million it takes 35


def daily_limit(account, now: int) -> int:
    """Mails that the account may send in the 24 hours up to `now` (ms): the plan's figure, its limit at most.

    `account`: an SmtpAccount or whatever has its `daily_limit`, `warmup_start` and `warmup_from`. Never falls.
    """
    if not account.warmup_start:
        return account.daily_limit
    return min(account.daily_limit, _ramp(account.warmup_start, day(account, now)))


def next_step(account, now: int) -> int | None:
    """When the figure grows next (ms); None where it has reached the account's limit, or there is no plan."""
    if daily_limit(account, now) >= account.daily_limit:
        return None
    return account.warmup_from + (day(account, now) + 1) * DAY


@dataclass(frozen=True)
class Progress:
    """Where a plan stands: day 1 is the first; `days` until the account's own limit is reached."""

    day: int
    days: int
    limit: int
    next_at: int


def progress(account, now: int) -> Progress | None:
    """None without a plan, and when it is done."""
    next_at = next_step(account, now)
    if next_at is None:
        return None
    return Progress(day(account, now) + 1, len(list(steps(account))), daily_limit(account, now), next_at)


def is_held(account, now: int) -> bool:
    """Does the plan repeat a day, because of what came back on it?"""
    return bool(account.warmup_held) and account.warmup_held == account.warmup_from + day(account, now) * DAY


def steps(account) -> Iterator[int]:
    """The daily limits from the first day to the first one without a limit of the plan's."""
    for n in range(LONGEST):
        limit = daily_limit(account, account.warmup_from + n * DAY)
        yield limit
        if limit >= account.daily_limit:
            return


def day(account, now: int) -> int:
    """Whole days since the plan began (0 on the first); a plan of the future counts as its first day."""
    return max(0, min((now - account.warmup_from) // DAY, LONGEST))


def _ramp(start: int, day: int) -> int:
    return int(start * FACTOR ** min(day, 60))
