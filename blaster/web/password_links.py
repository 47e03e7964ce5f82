"""Setting a password by a link, and asking for one. For who is not signed in."""

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from wtforms import EmailField, PasswordField
from wtforms.validators import EqualTo, InputRequired

from blaster import login_attempts, password_links, users
from blaster.mail import system
from blaster.web import audited
from blaster.web.forms import Form, accepted, refuse

bp = Blueprint("password_links", __name__)


class AskForm(Form):
    email = EmailField("E-mail address", [InputRequired("Enter your e-mail address.")])


class SetForm(Form):
    password = PasswordField("Password")
    repeated_password = PasswordField("Once more", [EqualTo("password", "The two differ.")])


@bp.route("/forgotten", methods=["GET", "POST"])
def ask() -> ResponseReturnValue:
    """The same answer to everybody; a worker looks who it is."""
    form = AskForm()
    can_send = system.is_set(current_app.config["BLASTER"])
    if not (can_send and form.validate_on_submit()):
        status = 422 if form.is_submitted() else 200
        return render_template("auth/forgotten.html", form=form, can_send=can_send, done=False), status
    try:
        login_attempts.begin(f"forgotten {form.email.data}", request.remote_addr or "")
    except login_attempts.TooMany as error:
        refuse(form, "", "This was asked for several times. Look for the mail, or try again in a quarter of an hour.")
        page = render_template("auth/forgotten.html", form=form, can_send=True, done=False)
        return page, 429, {"Retry-After": str(error.seconds)}
    password_links.ask(form.email.data)
    return render_template("auth/forgotten.html", form=form, can_send=True, done=True)


@bp.route("/password/<token>", methods=["GET", "POST"])
def set_password(token: str) -> ResponseReturnValue:
    """Good once. A second factor is asked for afterwards like always, when they sign in."""
    link = password_links.get(token)
    form = SetForm()
    done = bool(accepted(form, lambda: users.set_password_by(link, form.password.data)))
    if done:
        audited.by_link(link.user_id)
    status = 422 if form.is_submitted() and not done else 200
    return render_template("auth/set_password.html", form=form, kind=link.kind, done=done), status
