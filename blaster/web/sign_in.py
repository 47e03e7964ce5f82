"""How a person gets in: address, password, and the browsers that are signed in."""

from flask import Blueprint, flash, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import EmailField, PasswordField
from wtforms.validators import EqualTo, InputRequired

from blaster import sessions, users
from blaster.web import auth, htmx, kept, proof
from blaster.web.forms import Form, accepted

bp = Blueprint("sign_in", __name__, url_prefix="/settings/sign-in")

_NEEDED = InputRequired("Enter your password.")


class AddressForm(Form):
    """Argument of `users.edit_email`."""

    email = EmailField("E-mail address")
    current_password = PasswordField("Your password", [_NEEDED], id="address-password")


class PasswordForm(Form):
    """Argument of `users.set_password`."""

    current_password = PasswordField("Your password until now", [_NEEDED])
    password = PasswordField("New password")
    repeated_password = PasswordField("Once more", [EqualTo("password", "The two differ.")])


@bp.get("")
def show() -> str:
    """Everything about signing in."""
    return _page()


def _page(**forms: Form) -> str:
    forms = {
        "address": AddressForm(formdata=None, email=current_user.email),
        "form": PasswordForm(formdata=None),
    } | forms
    rows = sessions.list_sessions(current_user.id)
    return render_template("settings/sign_in.html", **forms, rows=rows, this=current_user.seen.session_id)


@bp.post("/email")
def email() -> ResponseReturnValue:
    """Another address to sign in with."""
    form = AddressForm()
    if accepted(form, lambda: _edit_email(form)):
        flash("Sign in with the new address from now on. All other browsers were signed out.", "success")
        return htmx.redirect(url_for(".show"))
    return _refused("settings/_email.html", address=form)


def _edit_email(form: AddressForm) -> None:
    proof.check(form.current_password.data)
    users.edit_email(current_user.id, form.email.data)
    auth.begin(users.get(current_user.id))


@bp.post("/password")
def password() -> ResponseReturnValue:
    """Another password; it takes the old one."""
    form = PasswordForm()
    if accepted(form, lambda: _set_password(form)):
        flash("Password changed. All other browsers were signed out.", "success")
        return htmx.redirect(url_for(".show"))
    return _refused("settings/_password.html", form=form)


def _set_password(form: PasswordForm) -> None:
    proof.check(form.current_password.data)
    users.set_password(current_user.id, form.password.data)
    auth.begin(users.get(current_user.id))


def _refused(fragment: str, **form: Form) -> ResponseReturnValue:
    return (render_template(fragment, **form) if htmx.is_htmx() else _page(**form)), 422


@bp.post("/sessions/<int:session_id>/end")
def end(session_id: int) -> ResponseReturnValue:
    """Sign out one browser."""
    sessions.end(current_user.id, session_id)
    flash("That browser is signed out.", "success")
    return htmx.redirect(url_for(".show"))


@bp.post("/sessions/end")
def end_all() -> ResponseReturnValue:
    """Sign out everywhere, here too: whoever copied a cookie is out."""
    sessions.end_all(current_user.id)
    kept.start_anew()
    return htmx.redirect(url_for("auth.login"))
