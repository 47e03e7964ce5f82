"""The audit log: a user's own, and for administrators that of all."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import audit, users, zones
from blaster.audit import Asked
from blaster.csv_export import instant
from blaster.models.audit import AuditEntry
from blaster.web import admins
from blaster.web.downloads import csv_file
from blaster.web.forms import row_id

bp = Blueprint("activity", __name__)

PAGE = 50
HEADER = ("time (UTC)", "who", "what", "kind", "id", "details", "user", "from")


@bp.get("/settings/activity")
def show() -> str:
    """What was done in the user's name, and to their things. `?act=`, `?since=`, `?until=` (days) choose."""
    return _page(_asked(current_user.id))


@bp.get("/settings/activity.csv")
def export() -> ResponseReturnValue:
    """The same choice, all of it."""
    return csv_file("activity", HEADER, map(_cells, audit.export(_asked(current_user.id))))


@bp.get("/admin/activity")
def show_all() -> ResponseReturnValue:
    """Of everybody; `?who=` is the address of a user."""
    return admins.only() or _page(_asked(None))


@bp.get("/admin/activity.csv")
def export_all() -> ResponseReturnValue:
    """The same choice, all of it."""
    return admins.only() or csv_file("activity", HEADER, map(_cells, audit.export(_asked(None))))


def _asked(user_id: int | None) -> Asked:
    asked = Asked(user_id, act=request.args.get("act", ""))
    asked = replace(asked, since=_begins(_day("since")), until=_begins(_day("until", later=1)))
    who = request.args.get("who", "").strip()
    if user_id is None and who:
        found = users.by_email(who)
        return replace(asked, actor_id=found.id if found else -1)
    return asked


def _day(name: str, later: int = 0) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, "")) + timedelta(days=later)
    except (ValueError, OverflowError):  # the last day that there is has none after it
        return None


def _begins(day: date | None) -> int:
    """When a day begins where the user is; 0 for none."""
    return zones.instant_of(datetime.combine(day, time()), current_user.time_zone)[0] if day else 0


def _page(asked: Asked) -> str:
    before = request.args.get("before", 0, type=row_id)
    rows = audit.search(asked, before=before, limit=PAGE + 1)
    chosen = {name: request.args.get(name, "").strip() for name in ("who", "act", "since", "until")}
    return render_template(
        "settings/activity.html",
        rows=rows[:PAGE],
        more=len(rows) > PAGE,
        before=before,
        acts=audit.acts(asked.user_id),
        chosen={name: text for name, text in chosen.items() if text},
        of_all=asked.user_id is None,
    )


def _cells(row: AuditEntry) -> tuple:
    return (instant(row.at), row.actor, row.act, row.target, row.target_id, row.details, row.owner, row.client)
