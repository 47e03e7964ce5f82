"""Each request has an id that stands in all it logs, and every change an entry: who did what, and how it went."""

import logging
import re
import secrets
import time

from flask import Flask, Response, g, request
from flask_login import current_user

from blaster import logs

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = {"GET", "HEAD", "OPTIONS"}  # pages refresh themselves all day; the proxy's log has them


def register(app: Flask) -> None:
    """Number the requests, before anything else looks at them."""
    app.before_request(_number)
    app.after_request(_note)
    app.teardown_request(lambda _: logs.about())


def what() -> str:
    """The request in words that give nothing away: a path may hold a token, and what follows it an address."""
    return f"{request.method} {request.url_rule.rule if request.url_rule else 'no such page'}"


def know(user_id: int | None = None) -> None:
    """Whose request it is and which rows it names, once that is clear. `user_id`: of a program; it has no session."""
    of = {name: value for name, value in (request.view_args or {}).items() if isinstance(value, int)}
    if user_id is None and current_user.is_authenticated:
        user_id = current_user.id
    logs.about(request_id=g.request_id, **({"user_id": user_id} if user_id else {}), **of)


def _number() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
    g.began = time.monotonic()
    logs.about(request_id=g.request_id)


def _note(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    if request.method not in _QUIET:
        log.info("%s: %s in %d ms", what(), response.status_code, (time.monotonic() - g.began) * 1000)
    return response
