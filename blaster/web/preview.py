"""The message as a recipient will see it: as a page for a sandboxed frame, and what stands beside that frame."""

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import campaigns, drafts, mail_templates, recipients, starters
from blaster.mail import merge
from blaster.web import looks
from blaster.web.campaign_forms import MessageForm
from blaster.web.forms import row_id
from blaster.web.security import mail_page

bp = Blueprint("preview", __name__)


@bp.get("/campaigns/<int:campaign_id>/preview")
def saved(campaign_id: int) -> Response:
    """The stored message; `?part=text`: as plain text, `?viewer_id=`: as this recipient sees it."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    return _frame(campaign, looks.viewer(campaign.list_id))


@bp.get("/templates/<int:template_id>/preview")
def template(template_id: int) -> Response:
    """A template of the user."""
    return _frame(mail_templates.get_template(current_user.id, template_id), None)


@bp.get("/templates/starters/<key>/preview")
def starter(key: str) -> Response:
    """One of our starters."""
    return _frame(starters.get_starter(key), None)


@bp.post("/campaigns/preview")
def unsaved() -> Response:
    """The message as it stands in the editor, whose form is sent into the frame: that works without scripts."""
    return _frame(MessageForm().written(), looks.viewer(_list_id()))


@bp.post("/campaigns/look")
def look() -> ResponseReturnValue:
    """What stands beside the frame: whose mail it is, how an inbox shows it, and what is wrong with the message."""
    form = MessageForm()
    return render_template("campaigns/_look.html", look=looks.of(form, _list_id()))


@bp.post("/campaigns/letter")
def letter() -> Response:
    """The HTML that becomes of what is in the rich-text editor."""
    return Response(MessageForm().written().html, mimetype="text/plain")


@bp.post("/campaigns/text")
def text() -> Response:
    """The plain text that is made from the message as long as none was written."""
    source = MessageForm().written()
    source.text = ""
    return Response(drafts.frozen(source)["text"], mimetype="text/plain")


def _list_id() -> int | None:
    list_id = request.form.get("list_id", type=row_id) or None
    return recipients.get_list(current_user.id, list_id).id if list_id else None


def _frame(source, recipient) -> Response:
    part = "text" if request.values.get("part") == "text" or not (source.html or "").strip() else "html"
    try:
        shown = looks.rendered(source, part, recipient) if _is_written(source) else ""
    except merge.MergeError as error:
        return mail_page(render_template("campaigns/preview_text.html", trouble=error))
    if part == "text":
        shown = render_template("campaigns/preview_text.html", text=shown)
    return mail_page(shown)


def _is_written(source) -> bool:
    return bool((source.html or "").strip() or (source.text or "").strip())
