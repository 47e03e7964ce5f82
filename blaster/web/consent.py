"""Sign in with Google or Microsoft: the owner of an account or mailbox consents on their page and comes back here."""

from hmac import compare_digest

from flask import Blueprint, current_app, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import consent, mailboxes, oauth, servers
from blaster.mail import presets
from blaster.models.bounces import Mailbox
from blaster.models.crm_db import SmtpAccount
from blaster.oauth import Holder
from blaster.queue import health
from blaster.web import audited

bp = Blueprint("consent", __name__)

_KEPT = "consent"  # in the session: state, verifier, provider, and the account or mailbox


@bp.get("/accounts/<int:account_id>/consent")
def begin(account_id: int) -> ResponseReturnValue:
    """Go to the provider's page. A link, not a form: the policy of our pages lets no form lead elsewhere."""
    account = servers.get_account(current_user.id, account_id)
    return _ask(account, account.login or account.email)


@bp.get("/mailboxes/<int:mailbox_id>/consent")
def begin_mailbox(mailbox_id: int) -> ResponseReturnValue:
    """The same for a mailbox that bounces come to."""
    mailbox = mailboxes.get_mailbox(current_user.id, mailbox_id)
    return _ask(mailbox, mailbox.login)


def _ask(holder: Holder, login: str) -> ResponseReturnValue:
    provider = provider_of(holder)
    if trouble := missing(provider):
        flash(trouble, "error")
        return _back(holder)
    url, state, verifier = consent.begin(provider, _answer_url(), login)
    kept = {"state": state, "verifier": verifier, "provider": provider.key}
    session[_KEPT] = kept | {"mailbox" if isinstance(holder, Mailbox) else "account": holder.id}
    return redirect(url, 303)


@bp.get("/consent/answer")
def answer() -> ResponseReturnValue:
    """The provider sends the owner back with a code, or with the reason why not. Good once, in the same browser."""
    kept = session.pop(_KEPT, None)
    if kept is None or not compare_digest(kept["state"], request.args.get("state", "")):
        audited.refuse()
        flash("This answer belongs to no sign-in that was begun here. Please begin again.", "error")
        return redirect(url_for("servers.index"), 303)
    holder = _holder(kept)
    name = holder.login if isinstance(holder, Mailbox) else holder.email
    provider = consent.provider(current_app.config["BLASTER"], kept["provider"], _protocol(holder))
    try:
        if "code" not in request.args:
            raise consent.Ended(request.args.get("error_description") or request.args.get("error") or "no code came")
        tokens = consent.redeem(provider, _answer_url(), request.args["code"], kept["verifier"])
        if not tokens.refresh:
            raise consent.Ended("no refresh token came")
    except (consent.Ended, consent.Unreachable) as error:
        audited.refuse()
        flash(f"No consent was given for {name}: {str(error)[:300]}", "error")
        return _back(holder)
    audited.tell("of a mailbox" if isinstance(holder, Mailbox) else "", target_id=holder.id)
    oauth.store(current_user.id, holder.id, provider.key, tokens, type(holder))
    if isinstance(holder, SmtpAccount):
        health.clear(current_user.id, holder.smtp_server_id, holder.id)
    flash(f"{name} signs in by consent now. Test it to be sure.", "success")
    return _back(holder)


def _holder(kept: dict) -> Holder:
    if "mailbox" in kept:
        return mailboxes.get_mailbox(current_user.id, kept["mailbox"])
    return servers.get_account(current_user.id, kept["account"])


def provider_of(holder: Holder) -> consent.Provider | None:
    """Whom to ask: as the account or mailbox is set, else as the preset of the account's server says."""
    return consent.provider(current_app.config["BLASTER"], kind_of(holder), _protocol(holder))


def _protocol(holder: Holder) -> str:
    return holder.kind if isinstance(holder, Mailbox) else "smtp"


def kind_of(holder: Holder) -> str:
    """google, microsoft, or empty where consent is no way to sign in."""
    if holder.auth != "password":
        return holder.auth
    if isinstance(holder, Mailbox):
        return ""
    server = servers.get_server(holder.user_id, holder.smtp_server_id)
    preset = presets.of_server(server.preset, server.host)
    return preset.consent if preset else ""


def missing(provider: consent.Provider | None) -> str:
    """What keeps this installation from asking, in a sentence; empty if nothing does."""
    if provider is None:
        return (
            "Sign-in by consent is not set up here. The administrator registers this installation with the provider "
            "and sets its client id and secret; until then use an app password where the provider allows one."
        )
    if not current_app.config["BLASTER"].public_url:
        return "The administrator has to set BLASTER_PUBLIC_URL first, so that the provider can send you back here."
    return ""


def _answer_url() -> str:
    return current_app.config["BLASTER"].public_url + url_for(".answer")


def _back(holder: Holder) -> ResponseReturnValue:
    if isinstance(holder, Mailbox):
        return redirect(url_for("mailboxes.index"), 303)
    return redirect(url_for("servers.show", server_id=holder.smtp_server_id), 303)
