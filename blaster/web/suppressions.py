"""Who gets no mail from a user: looked through, added, taken home as a file, and let in again with a reason."""

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.file import FileField
from wtforms import StringField, TextAreaField

from blaster import suppressions
from blaster.csv_export import instant
from blaster.errors import Invalid
from blaster.models.crm_db import Suppression
from blaster.suppressions import Taken
from blaster.web import htmx
from blaster.web.downloads import csv_file
from blaster.web.formatting import number, plural
from blaster.web.forms import Form, accepted, row_id

bp = Blueprint("suppressions", __name__, url_prefix="/suppressions")

PAGE = 50
REASONS = {
    "unsubscribe": "Unsubscribed",
    "hard": "No such address",
    "complaint": "Reported as spam",
    "manual": "Added by you",
    "import": "Imported",
    "erased": "Erased",
}
HEADER = ("address", "reason", "only list", "campaign", "since (UTC)")


class AddForm(Form):
    """One of both is enough."""

    rows = TextAreaField("Addresses or domains")
    file = FileField("Or a file")


class LiftForm(Form):
    why = StringField("Why may mail go there again?")


@bp.get("")
def index() -> str:
    """One page of them; `?search=` and `?reason=` choose, `?before=` goes on."""
    search, reason = request.args.get("search", "").strip(), request.args.get("reason", "")
    before = request.args.get("before", 0, type=row_id)
    found = suppressions.search(current_user.id, search, reason=reason, before=before, limit=PAGE + 1)
    return render_template(
        "suppressions/index.html",
        **_names(found),
        rows=found[:PAGE],
        more=len(found) > PAGE,
        counts=suppressions.counts(current_user.id),
        lifted=[] if search or reason or before else suppressions.lifted(current_user.id),
        asked={"search": search, "reason": reason, "before": before},
    )


def _names(found: list[Suppression]) -> dict:
    lists, campaigns = suppressions.names(current_user.id, found)
    return {"reasons": REASONS, "lists": lists, "campaigns": campaigns}


@bp.route("/add", methods=["GET", "POST"])
def add() -> ResponseReturnValue:
    """Typed or pasted lines, and files."""
    form = AddForm()
    taken = accepted(form, lambda: _add(form))
    if taken and not taken.refused_count:
        flash(_words(taken), "success")
        return htmx.redirect(url_for(".index"))
    template = "suppressions/_add.html" if htmx.is_htmx() else "suppressions/add.html"
    page = render_template(template, form=form, taken=taken, words=taken and _words(taken))
    return page, 422 if request.method == "POST" else 200


def _add(form: AddForm) -> Taken:
    if form.file.data:
        return suppressions.add(current_user.id, form.file.data.stream, suppressions.IMPORT)
    if not form.rows.data.strip():
        raise Invalid({"rows": "Enter at least one address, or choose a file."})
    try:
        return suppressions.add(current_user.id, form.rows.data)
    except Invalid as error:
        raise Invalid({"rows": str(error)}) from error


def _words(taken: Taken) -> str:
    words = f"{plural(taken.added, 'entry', 'entries')} added"
    return f"{words}, {number(taken.known)} there already." if taken.known else f"{words}."


@bp.route("/<int:suppression_id>/lift", methods=["GET", "POST"])
def lift(suppression_id: int) -> ResponseReturnValue:
    """Asks for the reason, which is kept."""
    found = suppressions.get(current_user.id, suppression_id)
    form = LiftForm()
    if accepted(form, lambda: suppressions.lift(current_user.id, suppression_id, form.why.data)):
        flash(f"Mail may go to {found.email} again.", "success")
        return htmx.redirect(url_for(".index"))
    return htmx.form_page("suppressions/lift.html", "suppressions/_lift.html", form, found=found, **_names([found]))


@bp.get("/export.csv")
def export() -> ResponseReturnValue:
    """All of them as a file that can be brought in elsewhere."""
    return csv_file("suppressions", HEADER, map(_cells, suppressions.export(current_user.id)))


def _cells(line: tuple[Suppression, str, str]) -> tuple:
    entry, only_list, campaign = line
    return (entry.email, REASONS.get(entry.reason, entry.reason), only_list, campaign, instant(entry.created_at))
