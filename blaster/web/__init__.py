"""The pages: fetch through a tenant module, act, render or redirect. Only this package knows Flask."""

from contextlib import ExitStack

from flask import Flask, g, request
from werkzeug.routing import IntegerConverter

from blaster import boot, config, db
from blaster.config import Settings
from blaster.web import (
    accounts,
    activity,
    admin,
    api,
    api_tokens,
    attachments,
    audited,
    auth,
    bounces,
    breakdown,
    campaigns,
    comparison,
    complaints,
    consent,
    dashboard,
    decisions,
    domains,
    errors,
    formatting,
    health,
    imports,
    ledger,
    list_settings,
    mail_templates,
    mailboxes,
    password_links,
    people,
    planner,
    polls,
    preview,
    progress,
    proof,
    recipients,
    request_log,
    results,
    review,
    schedule,
    second_factor,
    security,
    servers,
    sign_in,
    signing,
    suppressions,
    test_mail,
    tracking,
    trial,
    unsubscribe,
    users,
    webhooks,
)
from blaster.web import settings as settings_page

_WITHOUT_DATABASE = {"static", "tracking.opened", "tracking.clicked"}
_WITHOUT_DATABASE |= {"health.alive", "health.ready", "health.figures"}
_WITHOUT_SERVER_1 = {"unsubscribe"}  # blueprints


def create_app(settings: Settings | None = None) -> Flask:
    """The application on these settings (default: the environment's); `schema.migrate` makes its tables."""
    settings = settings or config.load()
    boot.boot(settings)
    app = Flask("blaster")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=settings.upload_limit,
        # A campaign's HTML and a pasted list are form fields; the default of 500 kB refuses them.
        MAX_FORM_MEMORY_SIZE=settings.upload_limit,
        BLASTER=settings,
    )
    app.url_map.converters["int"] = RowId
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    request_log.register(app)
    polls.register(app)  # before a connection is taken
    security.trust_proxies(app, settings.trusted_proxies)  # around all that asks where a request comes from
    app.before_request(_hold_connections)
    app.teardown_request(_give_connections_back)
    security.refuse_other_sites(app)  # before sign-in, which keeps what a form carries
    auth.require_sign_in(app)  # before the token check, which reads the whole form
    app.before_request(request_log.know)
    security.protect(app, settings)
    audited.register(app)
    proof.register(app)
    formatting.register(app)
    errors.register(app)
    pages = (auth, dashboard, campaigns, review, preview, progress, decisions)
    pages += (ledger, list_settings, people)
    pages += (recipients, imports, servers, accounts, consent, domains, signing, trial, admin)
    pages += (schedule, planner, settings_page, sign_in, second_factor, proof, activity, password_links, users)
    pages += (mail_templates, attachments, test_mail)
    pages += (unsubscribe, tracking, suppressions, complaints)
    pages += (mailboxes, bounces, breakdown, comparison, results)
    pages += (api, api_tokens, webhooks)
    for module in pages:
        app.register_blueprint(module.bp)
    for without_cookies in (unsubscribe.bp, api.bp):
        app.extensions["csrf"].exempt(without_cookies)
    app.register_blueprint(health.bp)
    return app


class RowId(IntegerConverter):
    """`<int:…>` in a URL: a larger number is no id of any row, and SQLite cannot even ask for it."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options, max=2**63 - 1)


def _hold_connections() -> None:
    """One connection of each database for the whole request, instead of one for each tenant function."""
    if request.endpoint in _WITHOUT_DATABASE:
        return
    stack = g.connections = ExitStack()
    if request.blueprint not in _WITHOUT_SERVER_1:
        stack.enter_context(db.session(db.campaign_db))
    stack.enter_context(db.session(db.crm_db))


def _give_connections_back(_error: BaseException | None) -> None:
    if stack := g.pop("connections", None):
        stack.close()
