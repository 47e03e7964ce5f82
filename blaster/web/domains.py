"""The domain that an account sends from: what its DNS records say, and what to publish."""

from flask import Blueprint, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import domain_check, servers
from blaster.errors import Invalid
from blaster.mail import presets
from blaster.web import htmx

bp = Blueprint("domains", __name__)


@bp.get("/accounts/<int:account_id>/domain")
def show(account_id: int) -> str:
    """The last verdict."""
    return _page(account_id, {})


@bp.post("/accounts/<int:account_id>/domain")
def check(account_id: int) -> ResponseReturnValue:
    """Ask the DNS now."""
    asked = {name: request.form.get(name, "") for name in ("domain", "selectors")}
    servers_asked = current_app.config["BLASTER"].dns_servers
    try:
        domain_check.run(current_user.id, account_id, **asked, dns_servers=servers_asked)
    except Invalid as error:
        return _page(account_id, error.errors), 422
    flash("The domain was checked.", "success")
    return htmx.redirect(url_for(".show", account_id=account_id))


def _page(account_id: int, errors: dict[str, str]) -> str:
    account = servers.get_account(current_user.id, account_id)
    server = servers.get_server(current_user.id, account.smtp_server_id)
    preset = presets.of_server(server.preset, server.host)
    seen = domain_check.last(current_user.id, account_id)
    return render_template(
        "accounts/domain.html",
        account=account,
        server=server,
        preset=preset,
        seen=seen,
        errors=errors,
        domains=domain_check.domains_of(account),
        selectors=request.form.get("selectors") or (seen and seen.selectors) or "",
        usual=domain_check.usual_selectors(preset),
    )
