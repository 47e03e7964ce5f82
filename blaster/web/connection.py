"""The answer to "Test connection"."""

from flask import current_app, flash, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import consent, oauth, servers
from blaster.errors import Conflict
from blaster.mail import probe
from blaster.mail.auth import Credentials
from blaster.mail.transport import Endpoint
from blaster.models.crm_db import SmtpAccount, SmtpServer
from blaster.queue import health
from blaster.web import htmx


def answer(server: SmtpServer, account: SmtpAccount | None, back_url: str) -> ResponseReturnValue:
    """Try the server (and the account's sign-in) now; the verdict as a fragment, or on top of `back_url`."""
    verdict = _try(server, account)
    if verdict.ok:
        health.clear(current_user.id, server.id, account.id if account else health.SERVER)
    text = f"{account.email}: {verdict.message}" if account else verdict.message
    if htmx.is_htmx():
        return render_template("servers/_verdict.html", ok=verdict.ok, text=text)
    flash(text, "success" if verdict.ok else "error")
    return htmx.redirect(back_url)


def _try(server: SmtpServer, account: SmtpAccount | None) -> probe.Verdict:
    try:
        return probe.test_connection(endpoint(server), credentials(account) if account else None)
    except Conflict as error:
        return probe.Verdict(False, "auth", str(error))


def endpoint(server: SmtpServer) -> Endpoint:
    """Where to connect."""
    ca_file = current_app.config["BLASTER"].tls_ca_file
    return Endpoint(server.host, server.port, server.encryption, ca_file=ca_file)


def credentials(account: SmtpAccount) -> Credentials | None:
    """How to sign in; None for an account without a password. Raises Conflict where consent is needed or has ended."""
    if account.auth != "password":
        try:
            token = oauth.access_token(current_app.config["BLASTER"], account)
        except (consent.Ended, consent.Unreachable) as error:
            raise Conflict(f"{error} Sign in again at the account.") from None
        return Credentials(account.login or account.email, token, "xoauth2")
    login, password = servers.credentials(account)
    return Credentials(login, password) if password else None
