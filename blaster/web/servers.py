"""SMTP servers of a user."""

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import audit, db, domain_check, servers, signing, warmup
from blaster.mail import presets
from blaster.models.crm_db import SmtpServer
from blaster.queue import health, usage
from blaster.web import audited, charts, connection, htmx, supply
from blaster.web.forms import accepted
from blaster.web.server_forms import ServerForm, from_preset

bp = Blueprint("servers", __name__, url_prefix="/servers")

_NOTED = ("host", "port", "encryption", "max_connections")


@bp.get("")
def index() -> str:
    """All servers with what their accounts may send together."""
    lines = supply.lines(current_user.id)
    rows = [
        (server, supply.total(line for line in lines if line.server.id == server.id))
        for server in servers.list_servers(current_user.id)
    ]
    return render_template("servers/index.html", rows=rows)


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """Add a server, filled in for a provider by `?preset=`; its accounts come next."""
    form = ServerForm(data=from_preset(chosen) if (chosen := _chosen()) else None)
    if server := accepted(form, lambda: servers.add_server(current_user.id, **form.data)):
        flash("Server added. Now add an account that sends through it.", "success")
        return htmx.redirect(url_for(".show", server_id=server.id))
    gallery = presets.all_presets().values()
    return htmx.form_page("servers/edit.html", "servers/_form.html", form, server=None, preset=chosen, presets=gallery)


def _chosen() -> presets.Preset | None:
    """The preset that the page was opened with, or the one in the form that was sent."""
    return presets.all_presets().get(request.values.get("preset", ""))


@bp.get("/<int:server_id>")
def show(server_id: int) -> str:
    """One server with its accounts."""
    server = servers.get_server(current_user.id, server_id)
    lines = supply.lines(current_user.id, server_id)
    now = db.now(db.crm_db)
    return render_template(
        "servers/show.html",
        server=server,
        lines=lines,
        week=usage.week(current_user.id, now),
        points=charts.line,
        preset=presets.of_server(server.preset, server.host),
        checked=domain_check.of_server(current_user.id, server_id),
        unsigned=_unsigned(lines),
        warming={line.account.id: warmup.progress(line.account, now) for line in lines},
    )


def _unsigned(lines: list[supply.Line]) -> set[int]:
    """Accounts whose mails were signed with a key of the user's, and are no more."""
    lost = signing.lost(current_user.id)
    return {line.account.id for line in lines if signing.covering(lost, domain_check.domains_of(line.account))}


@bp.route("/<int:server_id>/edit", methods=["GET", "POST"])
def edit(server_id: int) -> ResponseReturnValue:
    """Change a server; what was wrong with it or its accounts is tried again."""
    server = servers.get_server(current_user.id, server_id)
    form = ServerForm(obj=server)
    if accepted(form, lambda: servers.edit_server(current_user.id, server_id, **form.data)):
        _forgive(server)
        audited.tell(audit.changes(server, servers.get_server(current_user.id, server_id), *_NOTED))
        flash("Server saved.", "success")
        return htmx.redirect(url_for(".show", server_id=server_id))
    preset = presets.of_server(server.preset, server.host)
    return htmx.form_page("servers/edit.html", "servers/_form.html", form, server=server, preset=preset)


def _forgive(server: SmtpServer) -> None:
    health.clear(current_user.id, server.id)
    for account in servers.list_accounts(current_user.id, server.id):
        health.clear(current_user.id, server.id, account.id)


@bp.post("/<int:server_id>/<any(activate, deactivate):change>")
def switch(server_id: int, change: str) -> ResponseReturnValue:
    """Let a server send, or not."""
    servers.set_server_active(current_user.id, server_id, change == "activate")
    flash(
        "Server switched on." if change == "activate" else "Server switched off. Nothing goes out through it.",
        "success",
    )
    return htmx.redirect(url_for(".show", server_id=server_id))


@bp.post("/<int:server_id>/delete")
def delete(server_id: int) -> ResponseReturnValue:
    """Delete a server with its accounts."""
    servers.delete_server(current_user.id, server_id)
    flash("Server deleted, with its accounts.", "success")
    return htmx.redirect(url_for(".index"))


@bp.post("/<int:server_id>/test")
def test(server_id: int) -> ResponseReturnValue:
    """Connect without signing in; says in words what is wrong."""
    server = servers.get_server(current_user.id, server_id)
    return connection.answer(server, None, url_for(".show", server_id=server_id))
