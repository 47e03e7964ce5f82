"""From exceptions to pages that say what to do next."""

import logging
import secrets

from flask import Flask, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from blaster import db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.web import audited, htmx, kept, request_log
from blaster.web.api import problems
from blaster.web.security import OtherSite

log = logging.getLogger(__name__)

_WORDS = {
    403: ("Not for you", "This page is for administrators."),
    404: ("Not found", "There is no such page, or it is not yours."),
    405: ("Not like this", "This address only takes a form. Go back and use the button there."),
    413: ("Too large", "The file or text is larger than this installation takes. Split it and send the parts."),
}


def register(app: Flask) -> None:
    """Give every expected trouble its page."""
    app.register_error_handler(NotFound, lambda _: _page(404))
    app.register_error_handler(Conflict, _conflict)
    app.register_error_handler(Invalid, _invalid)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(OtherSite, _other_site)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(db.Unavailable, _unavailable)
    app.register_error_handler(Exception, _crash)


def _page(status: int, title: str = "", text: str = "", **headers: str) -> ResponseReturnValue:
    if request.path.startswith(problems.PATH + "/"):
        return problems.problem(
            status, text or _WORDS.get(status, ("", "The request could not be understood."))[1], **headers
        )
    if not title:
        title, text = _WORDS.get(status, ("That did not work", "The request could not be understood."))
    if htmx.is_htmx() and request.method == "POST":
        return htmx.refused(render_template("_flash.html", messages=[("error", f"{title}. {text}")]))
    return render_template("errors/error.html", status=status, title=title, text=text), status, headers


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()
    allowed = {"Allow": ", ".join(error.valid_methods or ())} if isinstance(error, MethodNotAllowed) else {}
    return _page(error.code, **allowed)


def _conflict(error: Conflict) -> ResponseReturnValue:
    """Back to the page that had the button, with the reason on top."""
    audited.refuse()
    flash(str(error), "error")
    return htmx.redirect(_came_from())


def _came_from() -> str:
    """The path of the page that sent the form; its host is left out, so that this leads nowhere else."""
    root = request.host_url.rstrip("/")
    referrer = request.referrer or ""
    return referrer.removeprefix(root) if referrer.startswith(root + "/") else "/"


def _invalid(error: Invalid) -> ResponseReturnValue:
    return _page(422, "That cannot be taken", str(error))


def _csrf(_error: CSRFError) -> ResponseReturnValue:
    if fields := kept.typed():
        view = {"url": request.full_path.rstrip("?"), "fields": fields}
        if htmx.is_htmx():
            return htmx.refused(render_template("auth/_kept.html", **view))
        return render_template("auth/kept.html", **view), 400
    text = "This form belongs to a session that has ended. Reload the page, sign in if asked, and send it again."
    return _page(400, "Please send it again", text)


def _other_site(_error: OtherSite) -> ResponseReturnValue:
    text = "Another website sent this form, so nothing was done. Open the page here and use its own form."
    return _page(403, "Not from elsewhere", text)


def _unavailable(error: Exception) -> ResponseReturnValue:
    log.warning("%s: %s", request_log.what(), error)
    text = "The database does not answer just now. Nothing was lost; try again in a moment."
    return _page(503, "One moment, please", text, **{"Retry-After": "5"})


def _full(error: Exception) -> ResponseReturnValue:
    log.error("%s: the disk of the database is full: %s", request_log.what(), error)
    text = "The disk of the database is full, so nothing is stored and nothing is sent. All goes on once there is room."
    return _page(503, "No room", text, **{"Retry-After": "60"})


def _crash(error: Exception) -> ResponseReturnValue:
    if db.is_outage(error):
        return _unavailable(error)
    if db.is_full(error):
        return _full(error)
    error_id = secrets.token_hex(4)
    log.error("error %s: %s", error_id, request_log.what(), exc_info=error)
    return _page(500, "Something broke", f"It was written to the log as error {error_id}. Please try again.")
