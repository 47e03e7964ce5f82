"""Sending hours: on which weekdays and between which times mail may go out, in a zone of their own. No database.

Kept as JSON beside a campaign or an account; none at all means always. An edge that the clocks skip is the first moment
after it, one that comes twice is the first of the two, so hours never last longer than they say.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from blaster import zones
from blaster.errors import Invalid

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MIDNIGHT = 24 * 60
_NUMBERS = set("0123456")
STEP = 5  # minutes: the forecast reckons in these


@dataclass(frozen=True)
class Windows:
    """`days`: 0 is Monday; `opens` and `closes`: minutes after midnight. What closes no later than it opens closes on
    the next day."""

    zone: str
    days: tuple[int, ...]
    opens: int
    closes: int


def from_words(zone: str, days, opens: str, closes: str) -> Windows | None:
    """What a form holds: weekday numbers and `08:00`; a close of `00:00` is the end of the day. None where they leave
    nothing out. Raises Invalid."""
    errors: dict[str, str] = {}
    if not zones.is_known(zone):
        errors["zone"] = "Choose a time zone of the list."
    chosen = tuple(sorted({int(day) for day in days if str(day) in _NUMBERS}))
    if not chosen:
        errors["days"] = "Choose at least one day."
    start, end = _minutes(opens, "opens", errors), _minutes(closes, "closes", errors)
    if errors:
        raise Invalid(errors)
    end = end or MIDNIGHT
    is_always = (start % MIDNIGHT, end, len(chosen)) == (0, MIDNIGHT, 7)
    return None if is_always else Windows(zone, chosen, start % MIDNIGHT, end)


def _minutes(text: str, field: str, errors: dict[str, str]) -> int:
    try:
        hour, minute = map(int, text.split(":")[:2])
    except (ValueError, AttributeError):
        hour, minute = -1, 0
    if not (0 <= hour < 24 and 0 <= minute < 60) and (hour, minute) != (24, 0):
        errors[field] = "Enter a time, for example 08:00."
    elif minute % STEP:
        errors[field] = f"Enter a time in steps of {STEP} minutes."
    return hour * 60 + minute


def store(windows: Windows | None) -> str | None:
    """The JSON for a column; None for always."""
    return json.dumps(asdict(windows)) if windows else None


@lru_cache(maxsize=1024)
def load(text: str | None) -> Windows | None:
    """The reverse of `store`."""
    if not text:
        return None
    found = json.loads(text)
    return Windows(found["zone"], tuple(found["days"]), found["opens"], found["closes"])


def spans(windows: Windows, since: int) -> Iterator[tuple[int, int]]:
    """(open from, closed from) in ms, in order and without end; the first is the one that ends after `since`."""
    day = zones.wall_of(since, windows.zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    day -= timedelta(days=1)
    length = windows.closes - windows.opens
    closes = windows.closes if length > 0 else windows.closes + MIDNIGHT
    while True:
        if day.weekday() in windows.days:
            span = _edge(day, windows.opens, windows.zone), _edge(day, closes, windows.zone)
            if since < span[1] > span[0]:
                yield span
        day += timedelta(days=1)


@lru_cache(maxsize=4096)
def _edge(day: datetime, minutes: int, zone: str) -> int:
    return zones.instant_of(day + timedelta(minutes=minutes), zone)[0]


def next_open(windows: Windows | None, instant: int) -> int:
    """The first instant from `instant` on at which mail may go out: `instant` itself where it may now."""
    return max(instant, next(spans(windows, instant))[0]) if windows else instant


def next_close(windows: Windows | None, instant: int) -> int | None:
    """When the hours that are open now, or the next ones, end; None: never."""
    return next(spans(windows, instant))[1] if windows else None


def is_open(windows: Windows | None, instant: int) -> bool:
    """May mail go out at this instant?"""
    return next_open(windows, instant) == instant


def words(windows: Windows | None) -> str:
    """`Monday to Friday, 08:00 to 18:00 (Europe/Berlin)`"""
    if windows is None:
        return "At any time"
    hours = "all day" if (windows.opens, windows.closes) == (0, MIDNIGHT) else _hours(windows)
    return f"{_days(windows.days)}, {hours} ({windows.zone})"


def _hours(windows: Windows) -> str:
    return f"{clock(windows.opens)} to {clock(windows.closes)}"


def clock(minutes: int) -> str:
    """`08:00`"""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _days(days: tuple[int, ...]) -> str:
    if len(days) == 7:
        return "Every day"
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{DAYS[days[0]]} to {DAYS[days[-1]]}"
    return ", ".join(DAYS[day] for day in days)
