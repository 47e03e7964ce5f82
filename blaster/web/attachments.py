"""Files that go along with a campaign."""

from flask import Blueprint, Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import attachments, campaigns
from blaster.errors import Invalid
from blaster.web import htmx

bp = Blueprint("attachments", __name__, url_prefix="/campaigns/<int:campaign_id>/attachments")


@bp.post("")
def add(campaign_id: int) -> ResponseReturnValue:
    """Take a file in; the list of files as a fragment."""
    campaigns.get_campaign(current_user.id, campaign_id)
    file = request.files.get("file")
    name, data = (file.filename or "", file.read(attachments.LIMIT + 1)) if file else ("", b"")
    try:
        attachments.add_attachment(current_user.id, campaign_id, name, data)
    except Invalid as error:
        return _answer(campaign_id, error.errors["file"])
    return _answer(campaign_id)


@bp.post("/<int:attachment_id>/remove")
def remove(campaign_id: int, attachment_id: int) -> ResponseReturnValue:
    """Take a file off."""
    attachments.remove_attachment(current_user.id, campaign_id, attachment_id)
    return _answer(campaign_id)


@bp.get("/<int:attachment_id>")
def show(campaign_id: int, attachment_id: int) -> Response:
    """The file as it was taken in, always as a download: it must not run as a page of ours."""
    file = attachments.get_attachment(current_user.id, campaign_id, attachment_id)
    answer = Response(bytes(file.data), mimetype="application/octet-stream")
    answer.headers.set("Content-Disposition", "attachment", filename=file.filename)
    return answer


def _answer(campaign_id: int, trouble: str = "") -> ResponseReturnValue:
    if htmx.is_htmx():
        files = attachments.list_attachments(current_user.id, campaign_id)
        view = {"files": files, "campaign_id": campaign_id, "trouble": trouble}
        return render_template("campaigns/_attachments.html", **view), 422 if trouble else 200
    flash(trouble or "Files changed.", "error" if trouble else "success")
    return htmx.redirect(url_for("campaigns.edit", campaign_id=campaign_id))
