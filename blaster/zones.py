"""Wall-clock times of IANA zones and the instants they mean, where clocks jump forwards and back. No database."""

from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

SKIPPED, REPEATED = "skipped", "repeated"


@cache
def names() -> tuple[str, ...]:
    """The zones to choose from: UTC and all that are named after a place."""
    places = {name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))}
    return ("UTC", *sorted(places))


@cache
def is_known(name: str) -> bool:
    """May this name be asked for? Anything else is no zone, or a path that somebody made up."""
    return name in names()


def instant_of(wall: datetime, zone: str) -> tuple[int, str]:
    """The instant (ms, UTC) of a naive wall-clock time, and what is odd about it: nothing, SKIPPED or REPEATED.

    A time that the clocks skip means the first moment after it; one that comes twice means the first of the two.
    """
    here = wall.replace(tzinfo=ZoneInfo(zone), fold=0)
    before, after = here.utcoffset(), here.replace(fold=1).utcoffset()
    instant = _milliseconds(here)
    if after > before:
        return _change_before(instant, here.tzinfo), SKIPPED
    return instant, REPEATED if after < before else ""


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp()) * 1000


def _change_before(instant: int, zone: ZoneInfo) -> int:
    """The last change of the zone's offset before `instant`, which is known to be less than a day earlier."""
    low, high = instant // 1000 - 86_400, instant // 1000
    offset = _offset(high, zone)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(middle, zone) == offset else (middle, high)
    return high * 1000


def _offset(second: int, zone: ZoneInfo):
    return datetime.fromtimestamp(second, zone).utcoffset()


def wall_of(instant: int, zone: str) -> datetime:
    """What the clocks of the zone show at an instant (ms, UTC)."""
    return datetime.fromtimestamp(instant / 1000, UTC).astimezone(ZoneInfo(zone))
