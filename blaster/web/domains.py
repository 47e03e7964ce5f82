"""The domain that an account sends from: what its DNS records say, and what to publish."""

from contextlib import suppress

from flask import Blueprint, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms.fields.choices import SelectChoice

from blaster import domain_check, servers, signing
from blaster.domains.resolver import Resolver, Unanswered
from blaster.errors import Invalid
from blaster.mail import presets
from blaster.web import htmx
from blaster.web.server_forms import SigningKeyForm

bp = Blueprint("domains", __name__)


@bp.route("/accounts/<int:account_id>/domain", methods=["GET", "POST"])
def check(account_id: int) -> ResponseReturnValue:
    """The last verdict, and the keys; a POST asks the DNS about both now."""
    if request.method == "GET":
        return page(account_id, SigningKeyForm())
    asked = {name: request.form.get(name, "") for name in ("domain", "selectors")}
    ask = resolver()
    try:
        with suppress(Unanswered):  # the verdict will say so
            signing.look(current_user.id, ask, domain=asked["domain"] or _domains(account_id)[0])
        domain_check.run(current_user.id, account_id, ask, **asked)
    except Invalid as error:
        return page(account_id, SigningKeyForm(formdata=None), error.errors), 422
    flash("The domain was checked.", "success")
    return htmx.redirect(url_for(".check", account_id=account_id))


def resolver() -> Resolver:
    """For the questions of one request."""
    return Resolver(current_app.config["BLASTER"].dns_servers)


def _domains(account_id: int) -> list[str]:
    return domain_check.domains_of(servers.get_account(current_user.id, account_id))


def page(account_id: int, form: SigningKeyForm, errors: dict[str, str] | None = None) -> str:
    """The page of an account's domain; `errors`: of the check, by field."""
    account = servers.get_account(current_user.id, account_id)
    server = servers.get_server(current_user.id, account.smtp_server_id)
    preset = presets.of_server(server.preset, server.host)
    seen = domain_check.last(current_user.id, account_id)
    domains = domain_check.domains_of(account)
    form.domain.choices = [SelectChoice(domain) for domain in domains]
    return render_template(
        "accounts/domain.html",
        account=account,
        server=server,
        preset=preset,
        seen=seen,
        errors=errors or {},
        domains=domains,
        selectors=(errors and request.form.get("selectors")) or (seen and seen.selectors) or "",
        usual=domain_check.usual_selectors(preset),
        keys=signing.list_keys(current_user.id),
        form=form,
    )
