"""SMTP accounts: who sends, and how much an hour and a day."""

from flask import Blueprint, flash, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import servers
from blaster.queue import health
from blaster.web import connection, htmx
from blaster.web.forms import accepted
from blaster.web.server_forms import AccountForm

bp = Blueprint("accounts", __name__)


@bp.route("/servers/<int:server_id>/accounts/new", methods=["GET", "POST"])
def new(server_id: int) -> ResponseReturnValue:
    """Add an account to a server."""
    server = servers.get_server(current_user.id, server_id)
    form = AccountForm()
    if accepted(form, lambda: servers.add_account(current_user.id, server_id, **form.data)):
        flash("Account added. Test it to be sure that the password is right.", "success")
        return _to_server(server_id)
    return htmx.form_page("accounts/edit.html", "accounts/_form.html", form, server=server, account=None)


@bp.route("/accounts/<int:account_id>/edit", methods=["GET", "POST"])
def edit(account_id: int) -> ResponseReturnValue:
    """Change an account; limits count at once, and what was wrong with it is tried again."""
    account = servers.get_account(current_user.id, account_id)
    server = servers.get_server(current_user.id, account.smtp_server_id)
    form = AccountForm(obj=account)
    if accepted(form, lambda: servers.edit_account(current_user.id, account_id, **form.data)):
        health.clear(current_user.id, server.id, account_id)
        flash("Account saved.", "success")
        return _to_server(server.id)
    return htmx.form_page("accounts/edit.html", "accounts/_form.html", form, server=server, account=account)


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
