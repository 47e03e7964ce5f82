"""For administrators: who is here, what they may, and who is kept out. Nobody acts in the name of somebody else."""

from flask import Blueprint, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import EmailField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from blaster import audit, password_links, second_factors, sessions, suspension, users
from blaster.errors import Conflict
from blaster.mail import system
from blaster.models.campaign_db import User
from blaster.web import admins, audited, htmx
from blaster.web.forms import Form, NumberField, accepted, row_id

bp = Blueprint("users", __name__, url_prefix="/admin/users")
bp.before_request(admins.only)

PAGE = 50
ROLES = [SelectChoice("user", "User"), SelectChoice("admin", "Administrator")]
SUBJECT = "You are invited to Blaster"
TEXT = """\
{who} has made an account for you at {url}.

Open this page within a week to choose your password:

{link}
"""


class NewForm(Form):
    """Fields of `users.create`."""

    email = EmailField("E-mail address", [InputRequired("Enter the address that they will sign in with.")])
    name = StringField("Name")
    role = SelectField("Role", choices=ROLES)


class EditForm(Form):
    """Fields of `users.edit`."""

    role = SelectField("Role", choices=ROLES)
    most_campaigns = NumberField("Campaigns at once")
    most_recipients = NumberField("Recipients a day")


@bp.get("")
def index() -> str:
    """A page of them; `?search=` looks for a part of the address or name, `?after=` goes on."""
    search, after = request.args.get("search", "").strip(), request.args.get("after", 0, type=row_id)
    rows = users.search(search, after=after, limit=PAGE + 1)
    view = {"rows": rows[:PAGE], "more": len(rows) > PAGE, "search": search, "after": after}
    return render_template("users/index.html", **view)


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """Somebody comes in by a link, with which they choose their password."""
    form = NewForm()
    if user := accepted(form, lambda: _create(form)):
        audited.tell(user_id=user.id)
        return _link_page(user, "invitation")
    return render_template("users/new.html", form=form), 422 if form.is_submitted() else 200


def _create(form: NewForm) -> User:
    is_trial = current_app.config["BLASTER"].trial and form.role.data == "user"
    return users.create(form.email.data, form.name.data, None, role=form.role.data, is_trial=is_trial)


def _link_page(user: User, kind: str) -> str:
    """The link, shown once; an invitation goes out by mail as well where that is set up."""
    settings = current_app.config["BLASTER"]
    link = (settings.public_url or request.host_url.rstrip("/")) + url_for(
        "password_links.set_password", token=password_links.make(user.id, kind)
    )
    trouble = ""
    can_send = kind == "invitation" and system.is_set(settings)
    if can_send:
        text = TEXT.format(who=current_user.name, url=settings.public_url, link=link)
        trouble = system.send(settings, user.email, SUBJECT, text)
    view = {"user": user, "kind": kind, "link": link, "is_sent": can_send and not trouble, "trouble": trouble}
    return render_template("users/link.html", **view)


@bp.route("/<int:number>", methods=["GET", "POST"])
def edit(number: int) -> ResponseReturnValue:
    """Role and quotas; and what else can be done."""
    user = users.get(number)
    form = EditForm(obj=user)
    if accepted(form, lambda: _edit(user, form)):
        flash("Saved.", "success")
        return htmx.redirect(url_for(".edit", number=number))
    more = {"has_factor": second_factors.is_on(number), "sessions": len(sessions.list_sessions(number))}
    return htmx.form_page("users/edit.html", "users/_form.html", form, user=user, **more)


def _edit(user: User, form: EditForm) -> None:
    if user.id == current_user.id and form.role.data != "admin":
        raise Conflict("You cannot take your own role away. Another administrator can.")
    users.edit(user.id, **form.data)
    audited.tell(audit.changes(user, users.get(user.id), "role", "most_campaigns", "most_recipients"))
    _about(user.id)


def _about(number: int) -> None:
    audited.tell(user_id=number, target_id=number)


@bp.post("/<int:number>/link")
def link(number: int) -> str:
    """To be handed over to somebody who forgot the password, or lost the first link."""
    user = users.get(number)
    _about(number)
    return _link_page(user, "reset" if user.password_hash else "invitation")


@bp.post("/<int:number>/suspend")
def suspend(number: int) -> ResponseReturnValue:
    """Keep them out: sessions end, campaigns pause."""
    if number == current_user.id:
        raise Conflict("You cannot suspend yourself. Another administrator can.")
    paused = suspension.suspend(number)
    _about(number)
    words = "" if not paused else f" {paused} of their campaigns {'is' if paused == 1 else 'are'} paused."
    flash(f"Suspended.{words}", "success")
    return htmx.redirect(url_for(".edit", number=number))


@bp.post("/<int:number>/lift")
def lift(number: int) -> ResponseReturnValue:
    """Let them in again."""
    suspension.lift(number)
    _about(number)
    flash("They may sign in again. Their campaigns stay paused until they resume them.", "success")
    return htmx.redirect(url_for(".edit", number=number))


@bp.post("/<int:number>/sign-out")
def sign_out(number: int) -> ResponseReturnValue:
    """End all their sessions."""
    users.get(number)
    sessions.end_all(number)
    _about(number)
    flash("Signed out everywhere.", "success")
    return htmx.redirect(url_for(".edit", number=number))


@bp.post("/<int:number>/second-factor")
def remove_factor(number: int) -> ResponseReturnValue:
    """For whoever lost phone and recovery codes."""
    second_factors.remove(number)
    _about(number)
    flash("The second factor is taken off: the password alone signs them in.", "success")
    return htmx.redirect(url_for(".edit", number=number))
