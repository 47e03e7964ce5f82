"""How numbers, sizes and instants look; instants are milliseconds UTC and appear in the user's time zone."""

import hashlib
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask, current_app
from flask_login import current_user
from markupsafe import Markup

from blaster import windows
from blaster.addresses import masked

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def register(app: Flask) -> None:
    """Install the filters, and the version that lets browsers keep static files for a year."""
    for name in (number, size, plural, duration, instant, ago, clock, moment, weekday, hours, masked):
        app.add_template_filter(name)
    app.url_defaults(_with_version)


def _with_version(endpoint: str, values: dict) -> None:
    if endpoint == "static":
        values.setdefault("v", _version(f"{current_app.static_folder}/{values['filename']}"))


@cache
def _version(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:8]


def number(value: int | float | None) -> str:
    """12,345"""
    return f"{round(value or 0):,}"


def size(count: int) -> str:
    """Bytes in the largest fitting unit: 1.4 MB, 100 MB"""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            break
        value /= 1024
    return f"{value:.1f} {unit}" if value < 10 and unit != "bytes" else f"{value:.0f} {unit}"


def plural(count: int, one: str, many: str = "") -> str:
    """`3 campaigns`, `1 campaign`"""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def duration(seconds: int | float) -> str:
    """A length of time in its two largest units: 2 h 5 min"""
    seconds = max(0, round(seconds))
    for large, small, whole, part in ((_DAY, _HOUR, "d", "h"), (_HOUR, _MINUTE, "h", "min"), (_MINUTE, 1, "min", "s")):
        if seconds >= large:
            rest = seconds % large // small
            return f"{seconds // large} {whole}" + (f" {rest} {part}" if rest else "")
    return f"{seconds} s"


def instant(ms: int | None) -> Markup | str:
    """`24 Nov, 14:05` as a `<time>` that carries the exact moment; a dash for none."""
    if not ms:
        return "–"
    moment = _local(ms)
    return _tag(moment, _short(moment))


def ago(ms: int | None) -> Markup | str:
    """`3 min ago` as a `<time>`; the date after a day."""
    seconds = time.time() - (ms or 0) / 1000
    if seconds >= _DAY:
        return instant(ms)
    return _tag(_local(ms), "just now" if seconds < _MINUTE else f"{duration(seconds // _MINUTE * _MINUTE)} ago")


def clock(ms: int | None) -> Markup | str:
    """`14:05`, with the day where it is not today."""
    if not ms:
        return "–"
    moment = _local(ms)
    same_day = moment.date() == datetime.now(moment.tzinfo).date()
    return _tag(moment, moment.strftime("%H:%M") if same_day else _short(moment))


def moment(ms: int | None, zone: str = "") -> Markup | str:
    """`Thu 26 Nov, 14:05`; in another zone than the user's with its name: `Thu 26 Nov, 14:05 (Europe/Berlin)`."""
    if not ms:
        return "–"
    there = _local(ms, zone)
    return _tag(there, f"{there:%a} {_short(there)}" + (f" ({zone})" if zone else ""))


def weekday(ms: int) -> str:
    """`Thu 26 Nov`: a day of the user's zone."""
    there = _local(ms)
    return f"{there:%a} {there.day} {there:%b}"


def hours(stored: str | None) -> str:
    """Sending hours in words: `Monday to Friday, 08:00 to 18:00 (Europe/Berlin)`"""
    return windows.words(windows.load(stored))


def _local(ms: int, zone: str = "") -> datetime:
    zone = zone or getattr(current_user, "time_zone", "") or "UTC"
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(zone))


def _short(moment: datetime) -> str:
    year = "" if moment.year == datetime.now(moment.tzinfo).year else f" {moment.year}"
    return f"{moment.day} {moment:%b}{year}, {moment:%H:%M}"


def _tag(moment: datetime, text: str) -> Markup:
    exact = f"{moment:%A} {moment.day} {moment:%B %Y, %H:%M:%S %Z}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment.isoformat(timespec="seconds"), exact, text)
