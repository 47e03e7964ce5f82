"""Campaigns until their start: the list, writing a draft, copying, deleting."""

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import campaigns, recipients
from blaster.errors import Conflict
from blaster.web import htmx, supply
from blaster.web.campaign_forms import CampaignForm
from blaster.web.forms import accepted

bp = Blueprint("campaigns", __name__, url_prefix="/campaigns")


@bp.get("")
def index() -> str:
    """All campaigns of the user, newest first."""
    total = supply.total(supply.lines(current_user.id))
    found = campaigns.list_campaigns(current_user.id)
    rows = [(campaign, supply.shown_state(campaign.status, total)) for campaign in found]
    return render_template("campaigns/index.html", rows=rows)


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """An empty draft; `?list_id=` chooses its list."""
    form = _form(list_id=request.args.get("list_id", type=int))
    draft = accepted(form, lambda: campaigns.create_campaign(current_user.id, **form.draft()))
    return _saved(draft.campaign_id) if draft else _editor(form)


@bp.route("/<int:campaign_id>/edit", methods=["GET", "POST"])
def edit(campaign_id: int) -> ResponseReturnValue:
    """Change a draft."""
    draft = campaigns.get_campaign(current_user.id, campaign_id)
    if draft.status.status != "draft":
        raise Conflict("A campaign that was started keeps its message. Copy it to change it.")
    form = _form(obj=draft)
    if accepted(form, lambda: campaigns.edit_campaign(current_user.id, campaign_id, **form.draft())):
        return _saved(campaign_id)
    return _editor(form, draft)


def _form(**values) -> CampaignForm:
    form = CampaignForm(**values)
    form.offer(recipients.list_lists(current_user.id))
    return form


def _saved(campaign_id: int) -> ResponseReturnValue:
    if request.form.get("then") == "review":
        return htmx.redirect(url_for("review.show", campaign_id=campaign_id))
    flash("Draft saved.", "success")
    return htmx.redirect(url_for("campaigns.edit", campaign_id=campaign_id))


def _editor(form: CampaignForm, draft=None) -> ResponseReturnValue:
    tags = _merge_tags(form.list_id.data)
    return htmx.form_page("campaigns/edit.html", "campaigns/_form.html", form, draft=draft, **tags)


@bp.get("/merge-tags")
def merge_tags() -> ResponseReturnValue:
    """The tags that the chosen list has values for."""
    list_id = request.args.get("list_id", type=int)
    if not htmx.is_htmx():
        return htmx.redirect(url_for("campaigns.new", list_id=list_id))
    return render_template("campaigns/_merge_tags.html", **_merge_tags(list_id))


def _merge_tags(list_id: int | None) -> dict:
    chosen = recipients.get_list(current_user.id, list_id) if list_id else None
    return {"chosen": chosen, "fields": recipients.field_names(chosen) if chosen else []}


@bp.post("/<int:campaign_id>/copy")
def copy(campaign_id: int) -> ResponseReturnValue:
    """A new draft with the same message and list."""
    draft = campaigns.copy_campaign(current_user.id, campaign_id)
    flash("This is a copy. Nothing is sent before you start it.", "success")
    return htmx.redirect(url_for("campaigns.edit", campaign_id=draft.campaign_id))


@bp.post("/<int:campaign_id>/delete")
def delete(campaign_id: int) -> ResponseReturnValue:
    """Only drafts can be deleted."""
    campaigns.delete_campaign(current_user.id, campaign_id)
    flash("Draft deleted.", "success")
    return htmx.redirect(url_for("campaigns.index"))
