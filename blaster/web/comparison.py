"""A user's finished campaigns side by side."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import comparison
from blaster.comparison import Line
from blaster.csv_export import instant
from blaster.queue import hits
from blaster.rates import OF
from blaster.web.downloads import csv_file

bp = Blueprint("comparison", __name__, url_prefix="/campaigns")

COLUMNS = {
    "name": "Campaign",
    "finished": "Finished",
    "sent": "Sent",
    "failed": "Failed",
    "bounces": "Bounces",
    "complaints": "Complaints",
    "unsubscribed": "Unsubscribed",
    "opened": "Opened",
    "clicked": "Clicked",
    "duration": "Took",
    "per_hour": "Mails an hour",
}
HEADER = ("campaign", "started (UTC)", "finished (UTC)", "sent", "failed", "bounces", "complaints", "unsubscribed")
HEADER += ("seconds", "mails an hour", "delivered", "opened", "clicked")
HEADER += tuple(f"{name} (% of {OF[name]})" for name in comparison.SHARES)
AGE = 600_000  # ms that a count of opens and clicks is good for here


@bp.get("/compare")
def show() -> str:
    """`?sort=` names a column, `?rising=1` turns the order round."""
    sort, rising = _asked()
    lines = _lines(sort, rising)
    view = {"columns": COLUMNS, "sort": sort, "rising": rising, "most": comparison.MOST}
    return render_template("campaigns/compare.html", lines=lines, **view)


@bp.get("/compare.csv")
def export() -> ResponseReturnValue:
    """The same as a file."""
    sort, rising = _asked()
    return csv_file("campaigns", HEADER, map(_cells, _lines(sort, rising)))


def _lines(sort: str, rising: bool) -> list[Line]:
    for campaign_id in comparison.tracked(current_user.id):
        hits.count(campaign_id, AGE)
    return comparison.lines(current_user.id, sort, rising=rising)


def _asked() -> tuple[str, bool]:
    sort = request.args.get("sort", "")
    return (sort if sort in comparison.SORTS else "finished"), "rising" in request.args


def _cells(line: Line) -> tuple:
    counts = (line.sent, line.failed, line.bounces, line.complaints, line.unsubscribed)
    times = (instant(line.started_at), instant(line.finished_at))
    hit = ("" if mails is None else mails for mails in (line.opened, line.clicked))
    shares = ("" if getattr(line, name) is None else f"{line.share(name) * 100:.2f}" for name in comparison.SHARES)
    return (line.name, *times, *counts, line.duration // 1000, line.per_hour, line.delivered, *hit, *shares)
