"""The picture and the links of mails whose campaign counts opens and clicks. Everybody's mail program comes here, and
every scanner: no session, no cookie, nothing kept that tells who or where they are.

The answer leaves first and is counted afterwards. While Server 2 is away pictures are answered, links too where they
are known already, and what comes in is not counted.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from flask import Blueprint, Response, current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue

from blaster import db
from blaster.mail import marks, tracking
from blaster.mail.marks import Mark
from blaster.mail.tracking import Ticket
from blaster.queue import hits

log = logging.getLogger(__name__)
bp = Blueprint("tracking", __name__)

PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
MOST_KNOWN = 1_000  # campaigns whose links are kept in memory
REST = 10  # seconds in which nobody asks Server 2 after it did not answer: to find that out may take as long


@bp.record_once
def _prepare(state) -> None:
    state.app.extensions["tracking"] = SimpleNamespace(links={}, away_until=0.0)


@bp.get("/o/<token>")
def opened(token: str) -> ResponseReturnValue:
    """A transparent picture of one pixel."""
    ticket = _ticket(token)
    if ticket is None or ticket.link != tracking.OPEN:
        return Response(status=404)
    return _counted(Response(PIXEL, mimetype="image/gif"), ticket)


@bp.get("/c/<token>")
def clicked(token: str) -> ResponseReturnValue:
    """On to where the link leads."""
    ticket = _ticket(token)
    try:
        url = _target(ticket) if ticket else ""
    except db.Unavailable:
        return render_template("tracking/later.html"), 503, {"Retry-After": str(REST)}
    return _counted(redirect(url), ticket) if url else (render_template("tracking/unknown.html"), 404)


def _ticket(token: str) -> Ticket | None:
    return tracking.read(token, current_app.config["BLASTER"].secret_key.encode())


def _target(ticket: Ticket) -> str:
    """From the campaign's own table; "" where it has no such link. Raises Unavailable."""
    known = current_app.extensions["tracking"].links
    if ticket.campaign_id not in known:
        with _server_2(current_app.extensions["tracking"]):
            found = hits.links(ticket.campaign_id)
        if len(known) >= MOST_KNOWN:
            known.clear()
        known[ticket.campaign_id] = found
    links = known[ticket.campaign_id]
    return links[ticket.link - 1] if 0 < ticket.link <= len(links) else ""


def _counted(response: Response, ticket: Ticket) -> Response:
    headers = request.headers
    purpose = headers.get("Sec-Purpose") or headers.get("Purpose") or headers.get("X-Moz") or ""
    mark = marks.of_request(request.method, headers.get("User-Agent", ""), purpose)
    state = current_app.extensions["tracking"]
    response.headers["Referrer-Policy"] = "no-referrer"
    response.call_on_close(lambda: _record(state, ticket, mark))
    return response


def _record(state: SimpleNamespace, ticket: Ticket, mark: Mark | None) -> None:
    who = {"mark": mark.key, "is_machine": mark.is_machine} if mark else {}
    try:
        with _server_2(state):
            hits.record(ticket.campaign_id, ticket.row_id, ticket.link, made_at=ticket.made_at, **who)
    except Exception as error:  # the answer has left: nobody waits for this
        log.warning("a hit of campaign %s was not counted: %s", ticket.campaign_id, type(error).__name__)


@contextmanager
def _server_2(state: SimpleNamespace) -> Iterator[None]:
    """Raises Unavailable where it does not answer, and at once where it did not answer just now."""
    if time.monotonic() < state.away_until:
        raise db.Unavailable("Server 2 did not answer a moment ago.")
    try:
        yield
    except Exception as error:
        if not db.is_outage(error):
            raise
        state.away_until = time.monotonic() + REST
        raise db.Unavailable("Server 2 does not answer.") from error
