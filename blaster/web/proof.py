"""The password entered once more by whoever sits before the screen, ahead of what is dangerous.

It is good for ten minutes. What was typed into a form goes on after it, or comes back where it held a password.
"""

from flask import Blueprint, Flask, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import PasswordField

from blaster import login_attempts, sessions, users
from blaster.errors import Invalid
from blaster.web import audited, auth, htmx, kept
from blaster.web.forms import Form, refuse

bp = Blueprint("proof", __name__)

FIELD = "current_password"
_AHEAD = "proof_password"  # of the page that asks: a form may have a field of the other name
# What cannot be undone, takes addresses out of the house, or opens doors.
DANGEROUS = {
    "recipients.delete",
    "people.erase",
    "list_settings.export_csv",
    "suppressions.export",
    "ledger.export",
    "activity.export_all",
    "webhooks.rotate",
    "second_factor.show",
    "second_factor.confirm",
    "second_factor.renew",
    "second_factor.remove",
}
_REPLACE_A_SECRET = {"accounts.edit", "mailboxes.edit"}
_SENT = {"trial.trials", "api_tokens.index"}  # only what is sent there
_FOR_ADMINS = {"complaints", "users"}  # blueprints


class ProofForm(Form):
    proof_password = PasswordField("Your password")


def register(app: Flask) -> None:
    """To be called after the sign-in and the token check."""
    app.before_request(_ask)


def _ask() -> ResponseReturnValue | None:
    if not (current_user.is_authenticated and _is_dangerous()) or sessions.is_proved(current_user.seen):
        return None
    form = ProofForm()
    if _is_entered(form):
        return None
    is_post = request.method == "POST"
    here = request.full_path.rstrip("?")
    view = {"form": form, "fields": _fields() if is_post else [], "url": here if is_post else _enter_url(here)}
    if htmx.is_htmx():
        return htmx.refused(render_template("auth/_proof.html", **view))
    return render_template("auth/proof.html", **view), 403


def _is_dangerous() -> bool:
    if request.endpoint in DANGEROUS:
        return True
    if request.endpoint in _REPLACE_A_SECRET:
        return request.method == "POST" and bool(request.form.get("password") or _AHEAD in request.form)
    return request.method == "POST" and (request.blueprint in _FOR_ADMINS or request.endpoint in _SENT)


def _is_entered(form: ProofForm) -> bool:
    if _AHEAD not in request.form:
        return False
    try:
        check(form.proof_password.data)
    except Invalid as error:
        refuse(form, _AHEAD, str(error))
        return False
    return True


def _fields() -> list[tuple[str, str]]:
    """What goes on with the password. A secret that was typed goes into no page, so its form is shown once more."""
    fields = [(name, text) for name, text in request.form.items(multi=True) if kept.may_show(name)]
    return [*fields, (kept.AGAIN, "1")] if request.endpoint in _REPLACE_A_SECRET else fields


def _enter_url(here: str) -> str:
    return url_for("proof.enter", next=here)


@bp.post("/proof")
def enter() -> ResponseReturnValue:
    """Ahead of a page or a file: it is opened afterwards."""
    form = ProofForm()
    if _is_entered(form):
        return htmx.redirect(auth.wanted())
    return render_template("auth/proof.html", form=form, fields=[], url=_enter_url(auth.wanted())), 403


def check(password: str) -> None:
    """The password of whoever is signed in; guessing is counted together with signing in. Raises Invalid for FIELD."""
    try:
        attempt = login_attempts.begin(current_user.email, request.remote_addr or "")
    except login_attempts.TooMany as error:
        audited.kept_out(current_user.email, throttled=True)
        raise Invalid({FIELD: str(error)}) from error
    if not users.is_password(current_user.id, password):
        audited.kept_out(current_user.email)
        raise Invalid({FIELD: "This is not your password."})
    login_attempts.succeed(attempt)
    sessions.prove(current_user.id, current_user.seen.session_id)
