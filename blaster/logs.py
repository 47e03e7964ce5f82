"""Logs on stderr, a line for each entry, as text or as JSON with the ids of what an entry is about.

An id has one name everywhere: an entry says "campaign %s", its JSON has `campaign_id`. What a whole request is about
(`about`), and which process this is (`carry`), goes to all entries. No entry of level info or below names an address.
"""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_NAMES = "campaign|user|server|account|mailbox|import|key|row|error|worker|lease"
_WHOLE = ("worker", "lease")  # that go by a name
_PLACE = re.compile(rf"(?:\b({_NAMES}) )?%[-\d.]*[sdrg]")

_about: ContextVar[dict] = ContextVar("about", default={})  # noqa: B039 - it is never changed, only replaced
_always: dict[str, str] = {}  # threads do not inherit a context


def begin(log_format: str) -> None:
    """Send all logs of this process there; `log_format`: the setting."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if log_format == "json" else Text(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def carry(**names: str) -> None:
    """Each entry of this process carries these from now on."""
    _always.update(names)


def about(**ids: str | int) -> None:
    """What this thread does from now on is for these; without any it is for nothing special."""
    _about.set(ids)


def ids(record: logging.LogRecord) -> dict[str, str | int]:
    """What an entry is about: by its process, its request, and its own words."""
    names = _PLACE.findall(str(record.msg).replace("%%", ""))
    arguments = record.args if isinstance(record.args, tuple) else ()
    own = {
        name if name in _WHOLE else f"{name}_id": value if isinstance(value, int) else str(value)
        for name, value in zip(names, arguments, strict=False)
        if name
    }
    return {**_always, **_about.get(), **own}


class Text(logging.Formatter):
    """For people; behind it the ids of the request."""

    def format(self, record: logging.LogRecord) -> str:
        """A line, and the lines of an exception."""
        said = super().format(record)
        return said + "".join(f" {name}={value}" for name, value in _about.get().items())


class Json(logging.Formatter):
    """For programs: time, level, logger, message, the ids, and an exception as one string."""

    def format(self, record: logging.LogRecord) -> str:
        """A line, whatever it says."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry = {"time": time, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        entry |= ids(record)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)
