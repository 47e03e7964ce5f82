"""Sign in with Google or Microsoft: the owner of an account consents on the provider's page and comes back here."""

from hmac import compare_digest

from flask import Blueprint, current_app, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import consent, oauth, servers
from blaster.mail import presets
from blaster.models.crm_db import SmtpAccount
from blaster.queue import health

bp = Blueprint("consent", __name__)

_KEPT = "consent"  # in the session: state, verifier, account, provider


@bp.get("/accounts/<int:account_id>/consent")
def begin(account_id: int) -> ResponseReturnValue:
    """Go to the provider's page. A link, not a form: the policy of our pages lets no form lead elsewhere."""
    account = servers.get_account(current_user.id, account_id)
    provider = provider_of(account)
    if trouble := missing(provider):
        flash(trouble, "error")
        return _to_server(account)
    url, state, verifier = consent.begin(provider, _answer_url(), account.login or account.email)
    session[_KEPT] = {"state": state, "verifier": verifier, "account": account.id, "provider": provider.key}
    return redirect(url, 303)


@bp.get("/consent/answer")
def answer() -> ResponseReturnValue:
    """The provider sends the owner back with a code, or with the reason why not. Good once, in the same browser."""
    kept = session.pop(_KEPT, None)
    if kept is None or not compare_digest(kept["state"], request.args.get("state", "")):
        flash("This answer belongs to no sign-in that was begun here. Please begin again.", "error")
        return redirect(url_for("servers.index"), 303)
    account = servers.get_account(current_user.id, kept["account"])
    provider = consent.provider(current_app.config["BLASTER"], kept["provider"])
    try:
        if "code" not in request.args:
            raise consent.Ended(request.args.get("error_description") or request.args.get("error") or "no code came")
        tokens = consent.redeem(provider, _answer_url(), request.args["code"], kept["verifier"])
        if not tokens.refresh:
            raise consent.Ended("no refresh token came")
    except (consent.Ended, consent.Unreachable) as error:
        flash(f"No consent was given for {account.email}: {str(error)[:300]}", "error")
        return _to_server(account)
    oauth.store(current_user.id, account.id, provider.key, tokens)
    health.clear(current_user.id, account.smtp_server_id, account.id)
    flash(f"{account.email} signs in by consent now. Test it to be sure.", "success")
    return _to_server(account)


def provider_of(account: SmtpAccount) -> consent.Provider | None:
    """Whom to ask for an account: as it is set, else as the preset of its server says."""
    return consent.provider(current_app.config["BLASTER"], kind_of(account))


def kind_of(account: SmtpAccount) -> str:
    """google, microsoft, or empty where consent is no way to sign in."""
    if account.auth != "password":
        return account.auth
    server = servers.get_server(account.user_id, account.smtp_server_id)
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


def _to_server(account: SmtpAccount) -> ResponseReturnValue:
    return redirect(url_for("servers.show", server_id=account.smtp_server_id), 303)
