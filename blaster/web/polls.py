"""Polls of progress pages. A hundred viewers ask fifty times a second, so most polls are answered in front of the
application, by one small read that knows session, owner and counters. What that row does not tell (reasons for waiting,
forecast, accounts, errors) is drawn by `progress.fragment`, when it is due."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qs, urlencode
from zlib import crc32

from flask import Flask, Request, current_app, g, request

from blaster import db, pace
from blaster.web import htmx, security

# Seconds between two looks; a state that is not here has ended.
REFRESH = {"scheduled": 10, "staging": 2, "running": 2, "cancelling": 2, "waiting": 10, "paused": 10}
COUNTS = ("sent", "failed", "unknown", "suppressed", "cancelled", "active", "pending")

_PATH = re.compile("/campaigns/([0-9]{1,18})/progress")
_VERSION = re.compile(r"([0-9a-f]{8})\.(w?)([0-9a-f]{8})\.([0-9]{1,12})")
_TICK = 10  # seconds
_WHOLE = 6  # ticks after which all is drawn again: "goes on in 5 min" must not stand still
_HEADERS = [("Content-Type", "text/html; charset=utf-8"), *security.HEADERS.items()]
_MOST = 500  # drawings that are kept: 2 to 10 kB each
_NUMBERS = (*(f"{name}_emails" for name in COUNTS), "total_emails", "emails_per_minute")
_FRAME = ("status", "note", "start_at", "start_zone", "started_at", "finished_at", "unknown_emails")


def register(app: Flask) -> None:
    """Let polls be answered before the application."""
    app.wsgi_app = _Polls(app)
    app.extensions["drawings"] = OrderedDict()


def whole(status: dict, draw: Callable[[], str]) -> str:
    """The fragment with all that is around the counters, drawn once in each process for all who look at the same thing
    at the same time. To be asked after who is asking has been looked at."""
    kept, key = current_app.extensions["drawings"], _key(request.environ, version(status, waits=False))
    if (drawn := kept.get(key)) is None:
        drawn = draw()
        if "csrf_token" not in g:  # a form is for one session
            _keep(kept, key, drawn)
    return drawn


def _key(environ: dict, shown: str) -> tuple:
    return environ.get("SCRIPT_NAME"), environ["PATH_INFO"], shown


def _keep(kept: OrderedDict, key: tuple, drawn: str) -> None:
    kept[key] = drawn
    if len(kept) > _MOST:
        kept.popitem(last=False)


def version(status: dict, *, waits: bool, now: float | None = None) -> str:
    """What a page shows of this row of `campaign_status`: `<counters>.<what is around them>.<when it was drawn>`.
    `waits`: it says so."""
    return f"{_counters(status)}.{'w' if waits else ''}{_frame(status)}.{_tick(status, now)}"


def newest(shown: str, status: dict, now: float | None = None) -> str:
    """The version that a page should show instead of `shown`: the same, or one with other counters. Empty where all of
    it is to be drawn again."""
    found = _VERSION.fullmatch(shown)
    if not found or found[3] != _frame(status) or _is_due(status, bool(found[2]), int(found[4]), _tick(status, now)):
        return ""
    return _counters(status) + shown[8:]


def _is_due(status: dict, waits: bool, drawn: int, tick: int) -> bool:
    """Whether a running campaign waits is told by more than its row: asked once a tick while it may be."""
    may_wait = status["status"] == "running" and not status["active_emails"] and status["pending_emails"] > 0
    if waits != may_wait and (waits or drawn != tick):
        return True
    return drawn // _WHOLE != tick // _WHOLE


def _counters(status: dict) -> str:
    return _hash([status[name] for name in _NUMBERS])


def _frame(status: dict) -> str:
    """The last failures are listed: drawn again whenever there are twice as many."""
    return _hash([*(status[name] for name in _FRAME), status["failed_emails"].bit_length()])


def _hash(values: list) -> str:
    return f"{crc32(repr(values).encode()):08x}"


def _tick(status: dict, now: float | None) -> int:
    """The same for all who look at a campaign, another one for each campaign: not everything at once."""
    return int((time.time() if now is None else now) + 7 * status["campaign_id"]) // _TICK


def counters(status: dict, shown: str, url_for: Callable[..., str]) -> dict:
    """What `_counters.html` needs; `shown`: its version."""
    of = partial(url_for, campaign_id=status["campaign_id"])
    state = "waiting" if _VERSION.fullmatch(shown)[2] else status["status"]
    counts = [(name, status[f"{name}_emails"]) for name in COUNTS]
    return {
        "status": status,
        "counts": counts,
        "links": {name: of(f"decisions.{name}") for name, count in counts if count and name in ("unknown", "failed")},
        "counters_url": f"{of('progress.fragment')}?{urlencode({'status': status['status'], 'v': shown})}",
        "seconds": REFRESH.get(state),
    }


class _Polls:
    """In front of the application. Whoever may not see a campaign, and whatever is more than counters, is for it."""

    def __init__(self, app: Flask):
        self._app, self._next = app, app.wsgi_app

    def __call__(self, environ: dict, start_response: Callable):
        found = _PATH.fullmatch(environ.get("PATH_INFO", ""))
        is_poll = found and environ.get("HTTP_HX_REQUEST") == "true" and environ["REQUEST_METHOD"] == "GET"
        answer = self._answer(environ, int(found[1])) if is_poll else None
        if answer is None:
            return self._next(environ, start_response)
        body, more = answer[0].encode(), answer[1]
        headers = [*_HEADERS, *more.items(), ("Content-Length", str(len(body)))]
        start_response("200 OK" if body else "204 No Content", headers)
        return [body]

    def _answer(self, environ: dict, campaign_id: int) -> tuple[str, dict] | None:
        """Body and headers: nothing new, new counters, or all that somebody else had drawn just now. None: the
        application is to be asked."""
        asked = parse_qs(environ.get("QUERY_STRING", ""))
        shown = asked.get("v", [""])[0]
        status = self._seen(environ, campaign_id)
        if status is None or asked.get("status") != [status["status"]]:
            return None
        now = newest(shown, status)
        if not now:
            drawn = self._app.extensions["drawings"].get(_key(environ, version(status, waits=False)))
            return (drawn, htmx.instead("#progress")) if drawn else None
        return ("" if now == shown else self._counters(environ, status, now)), {}

    def _counters(self, environ: dict, status: dict, shown: str) -> str:
        kept, key = self._app.extensions["drawings"], _key(environ, shown)
        if (drawn := kept.get(key)) is None:
            adapter = self._app.url_map.bind_to_environ(environ)
            view = counters(status, shown, lambda endpoint, **values: adapter.build(endpoint, values))
            drawn = self._app.jinja_env.get_template("campaigns/_counters.html").render(view)
            _keep(kept, key, drawn)
        return drawn

    def _seen(self, environ: dict, campaign_id: int) -> dict | None:
        """The row of the campaign, for its owner."""
        session = self._app.session_interface.open_session(self._app, Request(environ)) or {}
        user_id, _, token = session.get("_user_id", "").partition(".")
        if not user_id.isdecimal() or len(user_id) > 18:
            return None
        try:
            return pace.seen(int(user_id), token, campaign_id)
        except Exception as error:
            if db.is_outage(error):
                return None  # the application will meet it too, and has words for it
            raise
