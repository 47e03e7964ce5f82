"""For machines that watch: does this process answer, can it serve pages, and the figures of the installation."""

import hmac
import ipaddress
import time
from collections.abc import Iterator

from flask import Blueprint, Response, abort, current_app, request
from flask.typing import ResponseReturnValue

from blaster import db, metrics, schema
from blaster.config import Settings

bp = Blueprint("health", __name__)

FRESH = 5.0  # seconds for which an answer serves everybody who asks
_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
_TEXT = "text/plain; charset=utf-8"


@bp.get("/healthz")
def alive() -> ResponseReturnValue:
    """The process answers. Says nothing about the databases."""
    return Response("ok\n", content_type=_TEXT)


@bp.get("/readyz")
def ready() -> ResponseReturnValue:
    """503 and the reasons, a line each, while pages cannot be served."""
    reasons = _kept("ready", lambda: list(_reasons()))
    return Response("\n".join(reasons or ["ok"]) + "\n", 503 if reasons else 200, content_type=_TEXT)


def _reasons() -> Iterator[str]:
    for name, database in (("Server 1", db.campaign_db), ("Server 2", db.crm_db)):
        try:
            missing = _missing(name, database)
        except Exception as error:
            if not db.is_outage(error):
                raise
            yield f"{name} does not answer."
        else:
            if missing:
                yield f"{name} lacks migrations: {', '.join(missing)}."


def _missing(name: str, database) -> list[str]:
    """Once all were there they stay, and files of a newer version that wait for this process to end do not count."""
    complete = current_app.extensions.setdefault("complete", set())
    if name in complete:
        with db.session(database):
            database.execute_sql("SELECT 1")
        return []
    missing, _ = schema.pending(database)
    if not missing:
        complete.add(name)
    return missing


@bp.get("/metrics")
def figures() -> ResponseReturnValue:
    """For Prometheus, if it has the token or comes from an address of the settings; without either there is no page."""
    settings = current_app.config["BLASTER"]
    if not (_has_token(settings) or _is_near(settings)):
        if not settings.metrics_token:
            abort(404)
        return Response("This needs a bearer token.\n", 401, {"WWW-Authenticate": "Bearer"}, content_type=_TEXT)
    return Response(_kept("metrics", metrics.text), content_type=metrics.CONTENT_TYPE)


def _has_token(settings: Settings) -> bool:
    given = request.authorization.token if request.authorization else None
    expected = settings.metrics_token
    return bool(expected and given) and hmac.compare_digest(given.encode(), expected.encode())


def _is_near(settings: Settings) -> bool:
    """A proxy's own address is that of everybody who comes through it."""
    if any(name in request.headers for name in _PROXIES):
        return False
    address = ipaddress.ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104  it is asked, not listened at
    return any(address in network for network in settings.metrics_addresses)


def _kept(name: str, make):
    """What `make` returned a moment ago, or returns now; many may ask, the databases are read once."""
    kept = current_app.extensions.setdefault("health", {})
    until, value = kept.get(name, (0.0, None))
    if time.monotonic() >= until:
        value = make()
        kept[name] = time.monotonic() + FRESH, value
    return value
