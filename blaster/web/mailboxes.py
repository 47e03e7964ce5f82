"""What comes back: the mailboxes it comes to, the newest bounces, and how much goes to the big providers."""

from flask import Blueprint, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import BooleanField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from blaster import bounces, consent, db, mailboxes, oauth
from blaster.mail.mailbox import Place, Trouble, open_mailbox
from blaster.models.bounces import Mailbox
from blaster.queue import domains, providers
from blaster.web import htmx
from blaster.web.bounces import WORDS
from blaster.web.formatting import plural
from blaster.web.forms import Form, NumberField, accepted

bp = Blueprint("mailboxes", __name__, url_prefix="/mailboxes")

_SIGN_IN = "It is read once you have signed in with {}."
NEWEST = 10
TRYING = 8  # seconds for each answer of a server that is tried while a person waits
_KINDS = [SelectChoice("imap", "IMAP"), SelectChoice("pop3", "POP3")]
_SIGN_INS = [
    SelectChoice("password", "Password"),
    SelectChoice("google", "Sign in with Google"),
    SelectChoice("microsoft", "Sign in with Microsoft"),
]
_ENCRYPTIONS = [
    SelectChoice("tls", "TLS (usual)"),
    SelectChoice("starttls", "STARTTLS"),
    SelectChoice("none", "None (only on a network you trust)"),
]
PROVIDERS = {"gmail": "Gmail", "microsoft": "Microsoft (Outlook.com, Hotmail)", "yahoo": "Yahoo and AOL"}


class MailboxForm(Form):
    """Fields of `mailboxes.add_mailbox`; the stored password never comes back to a page."""

    kind = SelectField("Kind", choices=_KINDS, default="imap")
    host = StringField("Host", [InputRequired("Enter the name of the server, for example imap.example.com.")])
    port = NumberField("Port")
    encryption = SelectField("Encryption", choices=_ENCRYPTIONS, default="tls")
    login = StringField("Login", [InputRequired("Enter the login, often the whole address.")])
    auth = SelectField("Sign-in", choices=_SIGN_INS, default="password")
    password = PasswordField("Password")
    folder = StringField("Folder", default="INBOX")
    deletes = BooleanField("Delete bounces from the server once they are read")


@bp.get("")
def index() -> str:
    """Mailboxes, newest bounces, domains that rest, mails to big providers."""
    now, boxes = db.now(db.crm_db), mailboxes.list_mailboxes(current_user.id)
    newest = bounces.list_bounces(current_user.id, limit=NEWEST)
    return render_template(
        "mailboxes/index.html",
        mailboxes=boxes,
        without_consent=oauth.without_consent(boxes),
        bounces=newest,
        campaigns=bounces.campaign_names(current_user.id, newest),
        words=WORDS,
        resting=domains.resting(current_user.id),
        busiest=providers.busiest(current_user.id, now),
        providers=PROVIDERS,
        near=providers.NEAR,
        bulk=providers.BULK,
    )


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """Add a mailbox; the workers look into it within minutes."""
    form = MailboxForm()
    if box := accepted(form, lambda: mailboxes.add_mailbox(current_user.id, **form.data)):
        ok, text = _try(box) if box.auth == "password" else (True, _SIGN_IN.format(box.auth.capitalize()))
        flash(f"Mailbox added. {text}", "success" if ok else "warning")
        return htmx.redirect(url_for(".index"))
    return htmx.form_page("mailboxes/edit.html", "mailboxes/_form.html", form, mailbox=None)


@bp.route("/<int:mailbox_id>/edit", methods=["GET", "POST"])
def edit(mailbox_id: int) -> ResponseReturnValue:
    """Change a mailbox."""
    box = mailboxes.get_mailbox(current_user.id, mailbox_id)
    form = MailboxForm(obj=box)
    if accepted(form, lambda: mailboxes.edit_mailbox(current_user.id, mailbox_id, **form.data)):
        flash("Mailbox saved.", "success")
        return htmx.redirect(url_for(".index"))
    return htmx.form_page("mailboxes/edit.html", "mailboxes/_form.html", form, mailbox=box)


@bp.post("/<int:mailbox_id>/<any(activate, deactivate):change>")
def switch(mailbox_id: int, change: str) -> ResponseReturnValue:
    """Let the workers read a mailbox, or not."""
    mailboxes.set_active(current_user.id, mailbox_id, change == "activate")
    flash("Mailbox switched on." if change == "activate" else "Mailbox switched off. It is not read.", "success")
    return htmx.redirect(url_for(".index"))


@bp.post("/<int:mailbox_id>/delete")
def delete(mailbox_id: int) -> ResponseReturnValue:
    """Forget a mailbox; what was found in it stays."""
    mailboxes.delete_mailbox(current_user.id, mailbox_id)
    flash("Mailbox deleted here. On its server nothing has changed.", "success")
    return htmx.redirect(url_for(".index"))


@bp.post("/domains/release")
def release() -> ResponseReturnValue:
    """Send to a receiving domain again that rests because it refused."""
    domain = request.form.get("domain", "")
    mails = domains.release(current_user.id, domain)
    words = f"{plural(mails, 'mail')} that had waited {'is' if mails == 1 else 'are'} due now."
    flash(f"{domain} gets mail again. {words if mails else ''}".strip(), "success")
    return htmx.redirect(url_for(".index"))


@bp.post("/<int:mailbox_id>/test")
def test(mailbox_id: int) -> ResponseReturnValue:
    """Sign in and look how many mails there are; says in words what is wrong."""
    ok, text = _try(mailboxes.get_mailbox(current_user.id, mailbox_id))
    if htmx.is_htmx():
        return render_template("servers/_verdict.html", ok=ok, text=text)
    flash(text, "success" if ok else "error")
    return htmx.redirect(url_for(".index"))


def _try(box: Mailbox) -> tuple[bool, str]:
    ca_file = current_app.config["BLASTER"].tls_ca_file
    place = Place(box.kind, box.host, box.port, box.encryption, box.folder, TRYING, ca_file)
    try:
        wire = open_mailbox(place, *oauth.sign_in(current_app.config["BLASTER"], box))
    except (Trouble, consent.Unreachable) as trouble:
        return False, str(trouble)
    except consent.Ended as trouble:
        return False, f"{trouble} Sign in again, so that it can be read."
    wire.close()
    where = f"The folder {box.folder}" if box.kind == "imap" else "The mailbox"
    return True, f"Signed in to {box.host} as {box.login}. {where} holds {plural(wire.mails, 'mail')}."
