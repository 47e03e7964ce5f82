"""SMTP accounts: who sends, and how much an hour and a day."""

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import audit, db, domain_check, oauth, servers, signing, warmup
from blaster.mail import presets
from blaster.mail.presets import Preset
from blaster.models.crm_db import SmtpAccount, SmtpServer
from blaster.queue import health
from blaster.web import audited, connection, htmx
from blaster.web.forms import accepted
from blaster.web.server_forms import AccountForm, for_new_account, of_account

bp = Blueprint("accounts", __name__)

_NOTED = ("hourly_limit", "daily_limit", "warmup_start", "warmup_from", "login", "auth")


@bp.route("/servers/<int:server_id>/accounts/new", methods=["GET", "POST"])
def new(server_id: int) -> ResponseReturnValue:
    """Add an account to a server; one that signs in by consent goes on to the provider."""
    server = servers.get_server(current_user.id, server_id)
    preset = presets.of_server(server.preset, server.host)
    form = _form(server, preset, for_new_account(preset))
    if account := accepted(form, lambda: servers.add_account(current_user.id, server_id, **form.data)):
        audited.tell(f"hourly limit {account.hourly_limit}, daily limit {account.daily_limit}")
        _warn(account, preset)
        if account.auth != "password":
            flash(f"Account added. It sends once you have signed in with {account.auth.capitalize()}.", "success")
            return htmx.redirect(url_for("servers.show", server_id=server_id))
        flash("Account added. Test it to be sure that the password is right.", "success")
        return _to_server(server_id)
    return _page(form, server, None, preset)


@bp.route("/accounts/<int:account_id>/edit", methods=["GET", "POST"])
def edit(account_id: int) -> ResponseReturnValue:
    """Change an account; limits count at once, and what was wrong with it is tried again."""
    account = servers.get_account(current_user.id, account_id)
    server = servers.get_server(current_user.id, account.smtp_server_id)
    preset = presets.of_server(server.preset, server.host)
    form = _form(server, preset, of_account(account), account.auth)
    if accepted(form, lambda: servers.edit_account(current_user.id, account_id, **form.data)):
        health.clear(current_user.id, server.id, account_id)
        saved = servers.get_account(current_user.id, account_id)
        changed = audit.changes(account, saved, *_NOTED)
        audited.tell(", ".join(filter(None, [changed, form.password.data and "another password"])))
        _warn(saved, preset)
        flash("Account saved.", "success")
        return _to_server(server.id)
    return _page(form, server, account, preset)


def _form(server: SmtpServer, preset: Preset | None, values: dict, auth: str = "password") -> AccountForm:
    form = AccountForm(data=values)
    form.offer("password", auth, preset.consent if preset else "")
    return form


def _page(form: AccountForm, server: SmtpServer, account: SmtpAccount | None, preset: Preset | None):
    context = {"server": server, "account": account, "preset": preset}
    if account:
        now = db.now(db.crm_db)
        context |= {"plan": warmup.progress(account, now), "steps": list(warmup.steps(account))}
        context["is_held"] = warmup.is_held(account, now)
        context["lost_keys"] = signing.covering(signing.lost(current_user.id), domain_check.domains_of(account))
        context["needs_consent"] = bool(oauth.without_consent([account])) or _is_refused(account)
    excess = caps_of(preset, form.hourly_limit.data, form.daily_limit.data)
    return htmx.form_page("accounts/edit.html", "accounts/_form.html", form, **context, excess=excess)


def _is_refused(account: SmtpAccount) -> bool:
    row = health.of_user(account.user_id).get((account.smtp_server_id, account.id))
    return row is not None and (row.state, row.reason) == ("attention", "needs-consent")


@bp.get("/servers/<int:server_id>/caps")
def caps(server_id: int) -> str:
    """What the provider publishes against the limits that are being typed (`hourly_limit`, `daily_limit`)."""
    server = servers.get_server(current_user.id, server_id)
    preset = presets.of_server(server.preset, server.host)
    excess = caps_of(preset, request.args.get("hourly_limit"), request.args.get("daily_limit"))
    return render_template("accounts/_caps.html", preset=preset, excess=excess)


def caps_of(preset: Preset | None, *limits: str | int | None) -> list[str]:
    """A sentence for each limit above the published one; none while something else than figures is typed."""
    try:
        hourly, daily = (int(limit) for limit in limits)
    except (TypeError, ValueError):
        return []
    return preset.excess(hourly, daily) if preset else []


def _warn(account: SmtpAccount, preset: Preset | None) -> None:
    for sentence in caps_of(preset, account.hourly_limit, account.daily_limit):
        flash(f"{sentence} The provider may block the account.", "warning")


@bp.post("/accounts/<int:account_id>/<any(activate, deactivate):change>")
def switch(account_id: int, change: str) -> ResponseReturnValue:
    """Let an account send, or not."""
    account = servers.get_account(current_user.id, account_id)
    servers.set_account_active(current_user.id, account_id, change == "activate")
    flash(f"{account.email} switched {'on' if change == 'activate' else 'off'}.", "success")
    return _to_server(account.smtp_server_id)


@bp.post("/accounts/<int:account_id>/delete")
def delete(account_id: int) -> ResponseReturnValue:
    """Delete an account; what it sent stays recorded."""
    account = servers.get_account(current_user.id, account_id)
    servers.delete_account(current_user.id, account_id)
    flash(f"{account.email} deleted.", "success")
    return _to_server(account.smtp_server_id)


@bp.post("/accounts/<int:account_id>/test")
def test(account_id: int) -> ResponseReturnValue:
    """Connect and sign in; says in words what is wrong."""
    account = servers.get_account(current_user.id, account_id)
    server = servers.get_server(current_user.id, account.smtp_server_id)
    return connection.answer(server, account, url_for("servers.show", server_id=server.id))


def _to_server(server_id: int) -> ResponseReturnValue:
    return htmx.redirect(url_for("servers.show", server_id=server_id))
