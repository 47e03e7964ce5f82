"""Campaigns until their start: the list, writing a draft, copying, deleting."""

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import attachments, campaigns, mail_templates, recipients, servers, starters, trial
from blaster.errors import Conflict
from blaster.web import htmx, looks, supply
from blaster.web.campaign_forms import CampaignForm
from blaster.web.forms import accepted, row_id

bp = Blueprint("campaigns", __name__, url_prefix="/campaigns")


@bp.get("")
def index() -> str:
    """All campaigns of the user, newest first."""
    total = supply.total(supply.lines(current_user.id))
    found = campaigns.list_campaigns(current_user.id)
    rows = [(campaign, supply.shown_state(campaign, total)) for campaign in found]
    return render_template("campaigns/index.html", rows=rows)


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """An empty draft; `?list_id=` chooses its list, `?template_id=` or `?starter=` what it begins with."""
    form = form_of(list_id=request.args.get("list_id", type=row_id))
    if request.method == "GET" and (source := _source()):
        form.begin_with(source)
    draft = accepted(form, lambda: campaigns.create_campaign(current_user.id, **form.draft()))
    return _saved(draft.campaign_id, form) if draft else editor(form)


def _source():
    if template_id := request.args.get("template_id", type=row_id):
        return mail_templates.get_template(current_user.id, template_id)
    key = request.args.get("starter")
    return starters.get_starter(key) if key else None


@bp.route("/<int:campaign_id>/edit", methods=["GET", "POST"])
def edit(campaign_id: int) -> ResponseReturnValue:
    """Change a draft."""
    draft = _draft(campaign_id)
    form = form_of(obj=draft)
    if request.method == "GET":
        form.open(draft)
    if _store(form, campaign_id):
        return _saved(campaign_id, form)
    return editor(form, draft)


def _draft(campaign_id: int):
    draft = campaigns.get_campaign(current_user.id, campaign_id)
    if draft.status.status == "scheduled":
        raise Conflict("This campaign is scheduled. Take it back to the drafts first.")
    if draft.status.status != "draft":
        raise Conflict("A campaign that was started keeps its message. Copy it to change it.")
    return draft


def _store(form: CampaignForm, campaign_id: int) -> int | None:
    window = form.window(overwrite="overwrite" in request.form)
    return accepted(form, lambda: campaigns.edit_campaign(current_user.id, campaign_id, **form.draft(), **window))


@bp.post("/<int:campaign_id>/autosave")
def autosave(campaign_id: int) -> ResponseReturnValue:
    """Save while the user writes; answers with the line that says so, or says why not."""
    _draft(campaign_id)
    form = form_of()
    if stored := _store(form, campaign_id):
        form.seen.data = str(stored)
    return render_template("campaigns/_autosave.html", form=form, campaign_id=campaign_id, saved=bool(stored))


def form_of(**values) -> CampaignForm:
    """The form as it was sent, or with these values; with the user's lists to choose from."""
    form = CampaignForm(**values)
    form.offer(recipients.list_lists(current_user.id))
    return form


def _saved(campaign_id: int, form: CampaignForm) -> ResponseReturnValue:
    then = request.form.get("then")
    if then == "review":
        return htmx.redirect(url_for("review.show", campaign_id=campaign_id))
    if then == "template":
        kept = mail_templates.create_template(current_user.id, name=form.name.data, **form.message())
        flash(f"Draft saved, and its message kept as the template “{kept.name}”.", "success")
    else:
        flash("Draft saved.", "success")
    return htmx.redirect(url_for("campaigns.edit", campaign_id=campaign_id))


def editor(form: CampaignForm, draft=None, **more) -> ResponseReturnValue:
    """The page to write on, or after a refusal its form alone."""
    view = {"draft": draft, "look": looks.of(form, form.list_id.data or None), **_merge_tags(form.list_id.data)}
    if draft:
        view["files"] = attachments.list_attachments(current_user.id, draft.campaign_id)
        view["accounts"] = [line for line in supply.lines(current_user.id) if line.state != "inactive"]
        view["test_addresses"] = addresses()
    else:
        view["templates"] = mail_templates.list_templates(current_user.id)
    return htmx.form_page("campaigns/edit.html", "campaigns/_form.html", form, **view, **more)


def addresses() -> list[str]:
    """Where tests may go: the user's own address, and those of the user's accounts."""
    if current_user.is_trial:
        return trial.allowed(current_user.id)
    own = (account.email for account in servers.list_accounts(current_user.id))
    return list(dict.fromkeys([current_user.email, *own]))


@bp.get("/merge-tags")
def merge_tags() -> ResponseReturnValue:
    """The tags that the chosen list has values for."""
    list_id = request.args.get("list_id", type=row_id)
    if not htmx.is_htmx():
        return htmx.redirect(url_for("campaigns.new", list_id=list_id))
    return render_template("campaigns/_merge_tags.html", **_merge_tags(list_id))


def _merge_tags(list_id: int | None) -> dict:
    chosen = recipients.get_list(current_user.id, list_id) if list_id else None
    return {"chosen": chosen, "fields": recipients.field_names(chosen) if chosen else []}


@bp.post("/<int:campaign_id>/copy")
def copy(campaign_id: int) -> ResponseReturnValue:
    """A new draft with the same message, files and list."""
    draft = campaigns.copy_campaign(current_user.id, campaign_id)
    flash("This is a copy. Nothing is sent before you start it.", "success")
    return htmx.redirect(url_for("campaigns.edit", campaign_id=draft.campaign_id))


@bp.post("/<int:campaign_id>/delete")
def delete(campaign_id: int) -> ResponseReturnValue:
    """Only drafts can be deleted."""
    campaigns.delete_campaign(current_user.id, campaign_id)
    flash("Draft deleted.", "success")
    return htmx.redirect(url_for("campaigns.index"))
