"""Users on trial verify the addresses that they may mail; administrators end a trial."""

from flask import Blueprint, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from itsdangerous import BadSignature, URLSafeTimedSerializer
from wtforms import EmailField
from wtforms.validators import InputRequired

from blaster import servers, trial
from blaster.errors import Conflict, NotFound
from blaster.mail import single
from blaster.mail.notice import notice
from blaster.mail.session import Mail
from blaster.queue import single as budget
from blaster.web import admins, audited, connection, htmx, supply
from blaster.web.forms import Form, accepted, row_id

bp = Blueprint("trial", __name__)

_WEEK = 7 * 24 * 3600  # seconds that a link is good for
_SUBJECT = "Please confirm your address"
_TEXT = """\
{who} would like to send mails to this address, and was asked to prove that it
is theirs. If so, open this page and confirm:

{link}

If you do not know what this is about, ignore this mail: nothing more will come.
"""


class AddressForm(Form):
    """The argument of `trial.ask`."""

    email = EmailField("Address", [InputRequired("Enter an address of your own.")])


@bp.route("/settings/addresses", methods=["GET", "POST"])
def addresses() -> ResponseReturnValue:
    """The addresses that may be mailed; a link to one more is sent through the user's own account."""
    form = AddressForm()
    if asked := accepted(form, lambda: trial.ask(current_user.id, form.email.data)):
        row_id, address = asked
        trouble = _send_link(address)
        if trouble:
            trial.remove(current_user.id, row_id, unsent=True)
            audited.refuse()
        flash(trouble or f"A link was sent to {address}. Open it there.", "error" if trouble else "success")
        return htmx.redirect(url_for(".addresses"))
    rows = trial.list_addresses(current_user.id)
    return htmx.form_page("settings/addresses.html", "settings/_address.html", form, rows=rows)


def _send_link(address: str) -> str:
    """Empty, or why it could not be sent."""
    if not current_app.config["BLASTER"].public_url:
        return "The administrator has to set BLASTER_PUBLIC_URL first, so that the link leads here."
    account = next((line.account for line in supply.lines(current_user.id) if line.left), None)
    if account is None:
        return "No SMTP account is ready to send. Add one and test it; the link goes out through it."
    try:
        credentials = connection.credentials(account)
        bucket = budget.take(current_user.id, account.id)
    except Conflict as error:
        return str(error)
    text = _TEXT.format(who=current_user.email, link=_link(address))
    mail = Mail(1, account.email, address, notice(account.email, address, _SUBJECT, text))
    server = servers.get_server(current_user.id, account.smtp_server_id)
    reply, trouble = single.send(connection.endpoint(server), credentials, mail)
    if reply.phase == "dot" and reply.code // 100 in (0, 2):
        return ""
    budget.give_back(account.id, bucket)
    return trouble or f"The server of {account.email} did not take the mail: {reply.code} {reply.text}"


def _link(address: str) -> str:
    token = _signer().dumps([current_user.id, address])
    return current_app.config["BLASTER"].public_url + url_for(".show", token=token)


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["BLASTER"].secret_key, salt="verify-address")


@bp.post("/settings/addresses/remove")
def remove() -> ResponseReturnValue:
    """Take an address off the list."""
    trial.remove(current_user.id, request.form.get("address", 0, type=row_id))
    flash("Address removed.", "success")
    return htmx.redirect(url_for(".addresses"))


@bp.get("/verify/<token>")
def show(token: str) -> str:
    """Has the button; following the link alone confirms nothing, since mail scanners do that too."""
    return render_template("settings/verify.html", address=_read(token)[1], done=False)


@bp.post("/verify/<token>")
def confirm(token: str) -> str:
    """The address is the user's own."""
    user_id, address = _read(token)
    trial.verify(user_id, address)
    return render_template("settings/verify.html", address=address, done=True)


def _read(token: str) -> tuple[int, str]:
    try:
        user_id, address = _signer().loads(token, max_age=_WEEK)
        return user_id, address
    except BadSignature as error:
        raise NotFound("No such link.") from error


@bp.route("/admin/trials", methods=["GET", "POST"])
def trials() -> ResponseReturnValue:
    """Who is on trial; a POST ends the trial of `user`."""
    if refusal := admins.only():
        return refusal
    if request.method == "POST":
        user_id = request.form.get("user", 0, type=row_id)
        trial.trust(user_id)
        audited.tell(user_id=user_id, target_id=user_id)
        flash("Trusted: this user may mail anybody now.", "success")
        return htmx.redirect(url_for(".trials"))
    return render_template("admin/trials.html", users=trial.on_trial())
