"""The message as the first recipient of its list will see it, as a page for a sandboxed frame."""

from flask import Blueprint, Response, render_template, request
from flask_login import current_user

from blaster import campaigns, recipients
from blaster.mail import merge, plain_text
from blaster.web.security import mail_page

bp = Blueprint("preview", __name__, url_prefix="/campaigns")


@bp.get("/<int:campaign_id>/preview")
def saved(campaign_id: int) -> Response:
    """The stored message; `?part=text`: as plain text."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    return _frame(campaign.html or "", campaign.text or "", campaign.list_id, request.args.get("part"))


@bp.post("/preview")
def unsaved() -> Response:
    """The message as it stands in the editor, whose form is sent into the frame: that works without scripts."""
    html, text = (request.form.get(part, "").strip() for part in ("html", "text"))
    return _frame(html, text, request.form.get("list_id", type=int), request.form.get("part"))


def _frame(html: str, text: str, list_id: int | None, part: str | None) -> Response:
    try:
        return mail_page(_merged(html, text, _sample(list_id), part))
    except merge.MergeError as error:
        return mail_page(render_template("campaigns/preview_text.html", trouble=error))


def _merged(html: str, text: str, fields: dict[str, str], part: str | None) -> str:
    if html and part != "text":
        return merge.compile_text(html, html=True).render(fields)
    text = text or plain_text.from_html(html)
    return render_template("campaigns/preview_text.html", text=merge.compile_text(text, html=False).render(fields))


def _sample(list_id: int | None) -> dict[str, str]:
    found = recipients.list_recipients(current_user.id, list_id, limit=1) if list_id else []
    return {"email": found[0].email, **recipients.values(found[0].fields)} if found else {}
