"""Keys that mails are signed with: on the page of an account's domain."""

from flask import Blueprint, flash, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import domain_check, servers, signing
from blaster.domains.resolver import Unanswered
from blaster.web import domains, htmx
from blaster.web.forms import accepted, refuse
from blaster.web.server_forms import SigningKeyForm

bp = Blueprint("signing", __name__, url_prefix="/accounts/<int:account_id>/keys")

_SEEN = {
    "published": "The record is published. Mails are signed with this key.",
    "missing": "The record is not there yet. After a change it can take some hours until name servers know of it.",
    "wrong": "There is another record at this name. Replace it with the one shown here, in one piece.",
}


@bp.post("")
def add(account_id: int) -> ResponseReturnValue:
    """Make a key, or keep the one that was pasted."""
    account = servers.get_account(current_user.id, account_id)
    form = SigningKeyForm()
    if form.domain.data not in domain_check.domains_of(account):
        refuse(form, "domain", "The account does not send from this domain.")
    elif form.kind.data == "own" and not form.pem.data.strip():
        refuse(form, "pem", "Paste the private key here.")
    elif accepted(form, lambda: signing.add_key(current_user.id, **_fields(form))):
        flash("Key added. Publish its record; mails are signed once it can be seen.", "success")
        return _back(account_id)
    return domains.page(account_id, form), 422


def _fields(form: SigningKeyForm) -> dict[str, str]:
    is_own = form.kind.data == "own"
    return form.data | ({"kind": "rsa"} if is_own else {"pem": ""})


@bp.post("/<int:key_id>/look")
def look(account_id: int, key_id: int) -> ResponseReturnValue:
    """Ask the DNS now whether the record is published."""
    servers.get_account(current_user.id, account_id)
    try:
        key = signing.look(current_user.id, domains.resolver(), key_id=key_id)
        flash(_SEEN[key.verdict], "success" if key.verdict == "published" else "warning")
    except Unanswered:
        flash("The name servers did not answer. Try again later.", "error")
    return _back(account_id)


@bp.post("/<int:key_id>/<any(activate, deactivate):change>")
def sign(account_id: int, key_id: int, change: str) -> ResponseReturnValue:
    """Sign whatever the DNS says, or only while the record is there."""
    servers.get_account(current_user.id, account_id)
    is_on = change == "activate"
    signing.insist(current_user.id, key_id, is_on)
    flash("Mails are signed with this key." if is_on else "The key signs once its record is seen.", "success")
    return _back(account_id)


@bp.post("/<int:key_id>/delete")
def delete(account_id: int, key_id: int) -> ResponseReturnValue:
    """Forget a key."""
    servers.get_account(current_user.id, account_id)
    signing.delete_key(current_user.id, key_id)
    flash("Key deleted. Its record may stay until the last mails signed with it are read.", "success")
    return _back(account_id)


def _back(account_id: int) -> ResponseReturnValue:
    return htmx.redirect(url_for("domains.check", account_id=account_id))
