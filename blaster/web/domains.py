"""The domain that an account sends from: what its DNS records say, and what to publish."""

from flask import Blueprint, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import domain_check, servers
from blaster.errors import Invalid
from blaster.mail import presets
from blaster.web import htmx

bp = Blueprint("domains", __name__)


@bp.route("/accounts/<int:account_id>/domain", methods=["GET", "POST"])
def check(account_id: int) -> ResponseReturnValue:
    """The last verdict; a POST asks the DNS now."""
    if request.method == "GET":
        return _page(account_id, {})
    asked = {name: request.form.get(name, "") for name in ("domain", "selectors")}
    dns_servers = current_app.config["BLASTER"].dns_servers
    try:
        domain_check.run(current_user.id, account_id, **asked, dns_servers=dns_servers)
    except Invalid as error:
        return _page(account_id, error.errors), 422
    flash("The domain was checked.", "success")
    return htmx.redirect(url_for(".check", account_id=account_id))


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
