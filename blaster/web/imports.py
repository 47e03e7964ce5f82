"""Recipients from a CSV file or pasted rows; rows that cannot be taken are shown with the reason."""

from flask import Blueprint, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import RequestEntityTooLarge

from blaster import recipients
from blaster.recipients import ImportResult
from blaster.web import htmx
from blaster.web.formatting import number, plural, size
from blaster.web.forms import accepted, refuse
from blaster.web.list_forms import PasteForm, UploadForm

bp = Blueprint("imports", __name__, url_prefix="/lists")


@bp.route("/<int:list_id>/import", methods=["GET", "POST"])
def add(list_id: int) -> ResponseReturnValue:
    """Two forms, and what came of the one that was sent."""
    found = recipients.get_list(current_user.id, list_id)
    forms = {"upload": UploadForm(), "paste": PasteForm()}
    sent = "paste" if "rows" in request.form else "upload"
    result = accepted(forms[sent], lambda: recipients.import_csv(current_user.id, list_id, forms[sent].source))
    if result and not result.refused_count:
        flash(_words(result), "success")
        return htmx.redirect(url_for("recipients.show", list_id=list_id))
    view = {"list": found, "list_id": list_id, "result": result, "words": result and _words(result), **forms}
    if result and htmx.is_htmx():
        # Above both forms, which stay as they are: the rows can be mended and sent once more.
        headers = {"HX-Retarget": "#import-result", "HX-Reswap": "outerHTML show:window:top"}
        return render_template("lists/_result.html", **view), headers
    page = render_template(f"lists/_{sent}.html" if htmx.is_htmx() else "lists/import.html", **view)
    return page, 422 if request.method == "POST" and not result else 200


def _words(result: ImportResult) -> str:
    parts = [f"{plural(result.added, 'recipient')} added"]
    if result.updated:
        parts.append(f"{number(result.updated)} updated")
    if result.duplicates:
        parts.append(f"{number(result.duplicates)} there already")
    return ", ".join(parts) + "."


@bp.errorhandler(RequestEntityTooLarge)
def too_large(error: RequestEntityTooLarge) -> ResponseReturnValue:
    """Says so in place. It is raised before the view, where nobody has asked yet who this is."""
    if not current_user.is_authenticated:
        return error.get_response()
    upload = UploadForm(formdata=None)
    limit = size(current_app.config["MAX_CONTENT_LENGTH"])
    refuse(upload, "file", f"This is larger than {limit}. Split it into smaller files and import one after the other.")
    context = {"list_id": request.view_args["list_id"], "upload": upload, "paste": PasteForm(formdata=None)}
    if htmx.is_htmx():
        # Class 422 is what htmx shows; only the upload is replaced, so that pasted rows stay.
        headers = {"HX-Retarget": "#upload-form", "HX-Reswap": "outerHTML"}
        return render_template("lists/_upload.html", **context), 422, headers
    return render_template("lists/import.html", list=None, result=None, **context), 413
