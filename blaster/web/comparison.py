"""A user's finished campaigns side by side."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import comparison
from blaster.comparison import Line
from blaster.csv_export import instant
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
    "duration": "Took",
    "per_hour": "Mails an hour",
}
HEADER = ("campaign", "started (UTC)", "finished (UTC)", "sent", "failed", "bounces", "complaints", "unsubscribed")
HEADER += ("seconds", "mails an hour")


@bp.get("/compare")
def show() -> str:
    """`?sort=` names a column, `?rising=1` turns the order round."""
    sort, rising = _asked()
    lines = comparison.lines(current_user.id, sort, rising=rising)
    view = {"columns": COLUMNS, "sort": sort, "rising": rising, "most": comparison.MOST}
    return render_template("campaigns/compare.html", lines=lines, **view)


@bp.get("/compare.csv")
def export() -> ResponseReturnValue:
    """The same as a file."""
    sort, rising = _asked()
    return csv_file("campaigns", HEADER, map(_cells, comparison.lines(current_user.id, sort, rising=rising)))


def _asked() -> tuple[str, bool]:
    sort = request.args.get("sort", "")
    return (sort if sort in comparison.SORTS else "finished"), "rising" in request.args


def _cells(line: Line) -> tuple:
    counts = (line.sent, line.failed, line.bounces, line.complaints, line.unsubscribed)
    times = (instant(line.started_at), instant(line.finished_at))
    return (line.name, *times, *counts, line.duration // 1000, line.per_hour)
