"""Templates: messages to begin campaigns with. Ours, and those that a user has kept."""

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import mail_templates, starters
from blaster.web import htmx, looks
from blaster.web.campaign_forms import TemplateForm
from blaster.web.forms import accepted

bp = Blueprint("mail_templates", __name__, url_prefix="/templates")


@bp.get("")
def index() -> str:
    """The user's own, then the starters."""
    mine = mail_templates.list_templates(current_user.id)
    return render_template("mail_templates/index.html", mine=mine, starters=starters.STARTERS)


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """An empty template; `?starter=` begins with one of ours."""
    form = TemplateForm()
    if request.method == "GET" and (key := request.args.get("starter")):
        starter = starters.get_starter(key)
        form.begin_with(starter)
        form.name.data = starter.name
    made = accepted(form, lambda: mail_templates.create_template(current_user.id, **form.fields()))
    return _saved(made.id) if made else _editor(form)


@bp.route("/<int:template_id>/edit", methods=["GET", "POST"])
def edit(template_id: int) -> ResponseReturnValue:
    """Change a template. Campaigns that began with it stay as they are."""
    template = mail_templates.get_template(current_user.id, template_id)
    form = TemplateForm(obj=template)
    if request.method == "GET":
        form.begin_with(template)
    if accepted(form, lambda: mail_templates.edit_template(current_user.id, template_id, **form.fields())):
        return _saved(template_id)
    return _editor(form, template)


def _saved(template_id: int) -> ResponseReturnValue:
    if request.form.get("then") == "campaign":
        return htmx.redirect(url_for("campaigns.new", template_id=template_id))
    flash("Template saved.", "success")
    return htmx.redirect(url_for(".edit", template_id=template_id))


def _editor(form: TemplateForm, template=None) -> ResponseReturnValue:
    view = {"template": template, "look": looks.of(form), "chosen": None, "fields": []}
    return htmx.form_page("mail_templates/edit.html", "mail_templates/_form.html", form, **view)


@bp.post("/<int:template_id>/copy")
def copy(template_id: int) -> ResponseReturnValue:
    """Another one with the same message."""
    copied = mail_templates.copy_template(current_user.id, template_id)
    flash("This is a copy.", "success")
    return htmx.redirect(url_for(".edit", template_id=copied.id))


@bp.post("/<int:template_id>/delete")
def delete(template_id: int) -> ResponseReturnValue:
    """Campaigns that began with it keep their message."""
    mail_templates.delete_template(current_user.id, template_id)
    flash("Template deleted.", "success")
    return htmx.redirect(url_for(".index"))
