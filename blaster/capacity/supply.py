"""What the accounts of each user may still send: now, in the next hour, in the next 24 hours."""

from collections import defaultdict
from dataclasses import dataclass
from functools import reduce
from operator import add

from peewee import SQL, fn

from blaster import warmup
from blaster.models.crm_db import SmtpAccount, SmtpHealth, SmtpServer, SmtpUsage

HOUR, DAY = 60 * 60_000, 24 * 60 * 60_000
BUCKET = 5 * 60_000  # a bucket counts while any part of it lies in the window, as in queue.quota
_NEVER = 2**62
_NAMED = 500  # accounts in one question
_HOURS = (0, 3, 6, 9, 12, 15, 18, 20, 22, 24)  # from now; where what comes back within the day is looked at
_STARTS = (23, 24, 1, *_HOURS)  # hours of the day that ends now, from which on mails are summed up
_MARKS = sorted({*_STARTS})


@dataclass(frozen=True)
class Left:
    """Mails that accounts may send: at this moment, within an hour and within 24 hours from now (what was sent before
    stops to count meanwhile). Limits: of those that can be used. `day_left`: now, were there no hourly limits."""

    now: int = 0
    hour: int = 0
    day: int = 0
    day_left: int = 0
    hour_limit: int = 0
    day_limit: int = 0

    def __add__(self, other: "Left") -> "Left":
        return Left(*(mine + its for mine, its in zip(vars(self).values(), vars(other).values(), strict=True)))


def left_by_user(now: int) -> dict[int, Left]:
    """By user, of the accounts that are switched on and need nobody's attention; one that rests counts from when it
    goes on."""
    same = SmtpServer.id == SmtpAccount.smtp_server_id
    able = SmtpAccount.select().join(SmtpServer, on=same).where(SmtpAccount.is_active & SmtpServer.is_active)
    accounts = list(able)
    taken, rests, nothing = _taken([each.id for each in accounts], now), _rests(), [0] * len(_STARTS)
    found: dict[int, Left] = defaultdict(Left)
    for account in accounts:
        rest = max(rests.get((account.smtp_server_id, of), 0) for of in (0, account.id))
        found[account.user_id] += _left(account, taken.get(account.id, nothing), rest, now)
    return dict(found)


def _left(account: SmtpAccount, taken: list[int], rest: int, now: int) -> Left:
    in_hour, newest, soon, *stays = taken
    hourly, daily = account.hourly_limit, warmup.daily_limit(account, now)
    if rest >= now + DAY:
        return Left()
    # Until each of these hours the day's limit leaves so many, and afterwards the hour's limit does.
    by_then = (daily - counts + hourly * (24 - hours) for hours, counts in zip(_HOURS, stays, strict=True))
    day_left = max(0, daily - stays[0])
    return Left(
        now=0 if rest > now else min(day_left, max(0, hourly - in_hour)),
        hour=0 if rest > now + HOUR else max(0, min(hourly - newest, daily - soon)),
        day=max(0, min(*by_then)),
        day_left=0 if rest > now else day_left,
        hour_limit=hourly,
        day_limit=daily,
    )


def _taken(ids: list[int], now: int) -> dict[int, list[int]]:
    """By account what counts in the hour now and an hour from now; in the day an hour from now, and at _HOURS.

    The accounts are named so that the key is used, for the ledger has months of each, and not too many at once: MariaDB
    takes 1,000 names and more for a table to be joined, and reads all those months.
    """
    found: dict[int, list[int]] = defaultdict(lambda: [0] * len(_STARTS))
    for first in range(0, len(ids), _NAMED):
        for account_id, passed, mails in _between(ids[first : first + _NAMED], now):
            for place, hour in enumerate(_STARTS):
                if passed > _MARKS.index(hour):
                    found[account_id][place] += int(mails)
    return found


def _between(ids: list[int], now: int) -> list[tuple]:
    """(account, how many of _MARKS were passed, mails) of the day that ends now."""
    last = SmtpUsage.bucket + BUCKET
    passed = reduce(add, (last > now - DAY + hour * HOUR for hour in _MARKS)).alias("passed")
    lately = SmtpUsage.smtp_account_id.in_(ids) & (SmtpUsage.bucket > now - DAY - BUCKET)
    query = SmtpUsage.select(SmtpUsage.smtp_account_id, passed, fn.SUM(SmtpUsage.taken)).where(lately)
    return list(query.group_by(SmtpUsage.smtp_account_id, SQL("passed")).tuples())


def _rests() -> dict[tuple[int, int], int]:
    """Until when a server (account 0) or an account rests."""
    rows = SmtpHealth.select().where(SmtpHealth.state != "ok")
    return {
        (row.smtp_server_id, row.smtp_account_id): _NEVER if row.state == "attention" else row.until for row in rows
    }
