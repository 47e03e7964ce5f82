"""Recipients from a file or pasted rows: brought, looked over, imported by the workers, and what became of each row."""

from datetime import date
from typing import BinaryIO

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import RequestEntityTooLarge

from blaster import recipients
from blaster.errors import Invalid, NotFound
from blaster.imports import run, uploads
from blaster.models.imports import Import
from blaster.queue import leases
from blaster.sheets.columns import corrected
from blaster.web import downloads, htmx, import_forms
from blaster.web.formatting import size
from blaster.web.forms import accepted, refuse
from blaster.web.import_forms import ConsentForm, PasteForm, UploadForm

bp = Blueprint("imports", __name__)

SMALL = 200_000  # octets that are read at once, without waiting for a worker
REFUSED_SHOWN = 20
SECONDS = 1  # between two looks


@bp.route("/lists/<int:list_id>/import", methods=["GET", "POST"])
def add(list_id: int) -> ResponseReturnValue:
    """Two forms, each of which leads to the preview; and what was imported before."""
    found = recipients.get_list(current_user.id, list_id)
    forms = {"upload": UploadForm(), "paste": PasteForm()}
    sent = "paste" if "rows" in request.form else "upload"
    if upload := accepted(forms[sent], lambda: _create(list_id, *forms[sent].source)):
        return htmx.redirect(url_for(".show", import_id=upload.id))
    view = {"list": found, "list_id": list_id, "earlier": uploads.of_list(current_user.id, list_id), **forms}
    page = render_template(f"imports/_{sent}.html" if htmx.is_htmx() else "imports/new.html", **view)
    return page, 422 if request.method == "POST" else 200


def _create(list_id: int, name: str, stream: BinaryIO) -> Import:
    with stream:
        return uploads.create(current_user.id, list_id, name, stream)


@bp.route("/imports/<int:import_id>", methods=["GET", "POST"])
def show(import_id: int) -> ResponseReturnValue:
    """Where an import stands: to be looked over (what the form is for), at work, or over."""
    found = uploads.get(current_user.id, import_id)
    if found.state == "ready" or request.method == "POST":
        return _preview(found)
    return render_template("imports/show.html", **_view(found))


def _preview(found: Import) -> ResponseReturnValue:
    form, trouble, chosen = ConsentForm(), "", None
    looked = uploads.look(found, "titles" in request.form if request.form else None)
    columns = looked.columns
    if request.form.get("titled") == str(bool(columns.titles)):  # else the columns on the page are not these
        chosen = import_forms.uses(request.form, columns)
        try:
            columns = corrected(columns, chosen)
        except Invalid as error:
            trouble = error.errors["columns"]
    if request.form.get("action") == "start" and not trouble and accepted(form, lambda: _start(found, columns, form)):
        return htmx.redirect(url_for(".show", import_id=found.id))
    view = {
        "found": found,
        "list": _list_of(found),
        "form": form,
        "trouble": trouble,
        "titled": bool(columns.titles),
        "columns": import_forms.columns_of(looked, chosen or import_forms.uses({}, columns)),
        "first": import_forms.first_rows(looked, columns),
    }
    refused = request.form.get("action") == "start"
    return render_template(
        "imports/_preview.html" if htmx.is_htmx() else "imports/preview.html", **view
    ), 422 if refused else 200


def _start(found: Import, columns, form: ConsentForm) -> None:
    consent = {"consent": form.consent.data or "", "words": form.words.data, "on": form.on.data}
    uploads.start(current_user.id, found.id, columns, **consent)
    if found.size <= SMALL:
        for _ in run.run(found.id):
            pass


def _list_of(found: Import):
    """None where it was deleted meanwhile."""
    try:
        return recipients.get_list(current_user.id, found.list_id)
    except NotFound:
        return None


def _view(found: Import) -> dict:
    is_over = found.state in uploads.OVER
    refused = uploads.refusals(current_user.id, found.id, limit=REFUSED_SHOWN) if found.refused and is_over else []
    return {
        "found": found,
        "list": _list_of(found),
        "is_over": is_over,
        "refused": list(refused),
        "consent": uploads.CONSENT.get(found.consent, ""),
        "agreed_on": _day(found.consent_date),
        "has_worker": is_over or any(lease.name.startswith("worker:") for lease in leases.alive()),
        "seconds": SECONDS,
    }


def _day(iso: str) -> str:
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%B %Y}"


@bp.get("/imports/<int:import_id>/progress")
def progress(import_id: int) -> ResponseReturnValue:
    """The part that refreshes itself; the page as a whole once it is over."""
    found = uploads.get(current_user.id, import_id)
    if not htmx.is_htmx():
        return redirect(url_for(".show", import_id=import_id), 303)
    if found.state in uploads.OVER:
        return Response(status=204, headers={"HX-Refresh": "true"})
    return render_template("imports/_progress.html", **_view(found))


@bp.post("/imports/<int:import_id>/cancel")
def cancel(import_id: int) -> ResponseReturnValue:
    """Stop it where it is."""
    uploads.cancel(current_user.id, import_id)
    flash("Stopped. What is on the list already stays there.", "success")
    return htmx.redirect(url_for(".show", import_id=import_id))


@bp.post("/imports/<int:import_id>/delete")
def delete(import_id: int) -> ResponseReturnValue:
    """Forget a file that was not imported."""
    list_id = uploads.get(current_user.id, import_id).list_id
    uploads.delete(current_user.id, import_id)
    flash("The file is deleted; nothing was imported from it.", "success")
    return htmx.redirect(url_for(".add", list_id=list_id))


@bp.get("/imports/<int:import_id>/refused.csv")
def refused(import_id: int) -> ResponseReturnValue:
    """All rows that were refused, for a spreadsheet."""
    found = uploads.get(current_user.id, import_id)
    rows = uploads.refusals(current_user.id, import_id)
    return downloads.csv_file(f"refused-{found.file_name}", ("line", "reason", "original"), rows)


@bp.errorhandler(RequestEntityTooLarge)
def too_large(error: RequestEntityTooLarge) -> ResponseReturnValue:
    """Says so in place. It is raised before the view, where nobody has asked yet who this is."""
    if not current_user.is_authenticated or "list_id" not in request.view_args:
        return error.get_response()
    upload = UploadForm(formdata=None)
    limit = size(current_app.config["MAX_CONTENT_LENGTH"])
    refuse(upload, "file", f"This is larger than {limit}. Split it into smaller files and import one after the other.")
    context = {"list_id": request.view_args["list_id"], "upload": upload, "paste": PasteForm(formdata=None)}
    if htmx.is_htmx():
        # Class 422 is what htmx shows; only the upload is replaced, so that pasted rows stay.
        headers = {"HX-Retarget": "#upload-form", "HX-Reswap": "outerHTML"}
        return render_template("imports/_upload.html", **context), 422, headers
    return render_template("imports/new.html", list=None, earlier=[], **context), 413
