"""Polls of progress pages: most find nothing new, and are answered by one small read before anything else."""

import time
from zlib import crc32

from flask import Flask, Response, request, session

from blaster import pace
from blaster.web import htmx

_CLOCK = 30  # seconds after which a page is drawn again anyway: "goes on in 5 min" must not stand still
_UNSEEN = {"snapshot_at"}  # moves although nothing on the page does


def register(app: Flask) -> None:
    """To be called before whatever opens connections or loads the person."""
    app.before_request(_unchanged)


def version(status: dict) -> str:
    """Changes with any column of `campaign_status` that a page shows, and every half minute."""
    seen = sorted((name, value) for name, value in status.items() if name not in _UNSEEN)
    return f"{crc32(repr((seen, int(time.time() // _CLOCK))).encode()):08x}"


def _unchanged() -> Response | None:
    if request.endpoint != "progress.fragment" or not htmx.is_htmx():
        return None
    user_id, _, token = session.get("_user_id", "").partition(".")
    if not user_id.isdecimal():
        return None
    status = pace.seen(int(user_id), token, request.view_args["campaign_id"])
    # Whoever may not see it, and whatever is new, is for the usual way.
    return htmx.not_modified() if status and htmx.unchanged(version(status)) else None
