"""For administrators: addresses that nobody on this installation may write to, because somebody there complained."""

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from blaster import suppressions
from blaster.web import admins, htmx
from blaster.web.forms import accepted, row_id
from blaster.web.suppressions import REASONS, LiftForm

bp = Blueprint("complaints", __name__, url_prefix="/admin/complaints")

PAGE = 50


bp.before_request(admins.only)


@bp.get("")
def index() -> str:
    """The latest, masked; a whole address (`?search=`) finds its entry, `?lift=` asks why it is to go."""
    return _page(LiftForm(), request.args.get("lift", 0, type=row_id))


@bp.post("/<int:number>/lift")
def lift(number: int) -> ResponseReturnValue:
    """Let all users write there again, unless their own lists say otherwise."""
    form = LiftForm()
    if accepted(form, lambda: suppressions.lift(suppressions.EVERYBODY, number, form.why.data, by="admin")):
        flash("Users may write there again, unless they have an entry of their own.", "success")
        return htmx.redirect(url_for(".index"))
    return _page(form, number), 422


def _page(form: LiftForm, number: int) -> str:
    chosen = suppressions.get(suppressions.EVERYBODY, number) if number else None
    if htmx.is_htmx():
        return render_template("admin/_complaint.html", form=form, chosen=chosen)
    search, before = request.args.get("search", "").strip(), request.args.get("before", 0, type=row_id)
    rows = suppressions.of_everybody(search, before=before, limit=PAGE + 1)
    view = {"rows": rows[:PAGE], "more": len(rows) > PAGE, "search": search, "before": before, "reasons": REASONS}
    view["total"] = sum(suppressions.counts(suppressions.EVERYBODY).values())
    view["lifted"] = suppressions.lifted(suppressions.EVERYBODY)
    return render_template("admin/complaints.html", form=form, chosen=chosen, **view)
