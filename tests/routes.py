"""The routes of the application by who may use them, and rows to fill their ids with. A new route needs a row here."""

from collections.abc import Iterator
from io import BytesIO

from flask import Flask
from werkzeug.routing import Rule

from blaster import (
    api_tokens,
    attachments,
    campaigns,
    db,
    mail_templates,
    mailboxes,
    recipients,
    servers,
    sessions,
    signing,
    suppressions,
    users,
    webhooks,
)
from blaster.imports import uploads
from blaster.lists import work
from blaster.models.crm_db import Mail
from blaster.queue import control, staging
from blaster.webhooks import outbox

PUBLIC, PERSONAL, OWNED, ADMIN, CALL = "public", "personal", "owned", "admin", "call"

# public: anybody; personal: whoever is signed in, on their own things only, so that it names no row;
# owned: names a row and is "not found" to everybody but its owner; admin: forbidden to users; call: of the JSON API,
# for whoever shows a token, and owned where it names a row.
ROUTES = {
    "static": PUBLIC,
    "health.alive": PUBLIC,
    "health.ready": PUBLIC,
    "health.figures": PUBLIC,
    "auth.login": PUBLIC,
    "auth.code": PUBLIC,
    "password_links.ask": PUBLIC,
    "password_links.set_password": PUBLIC,
    "proof.enter": PERSONAL,
    "unsubscribe.show": PUBLIC,
    "unsubscribe.change": PUBLIC,
    "tracking.opened": PUBLIC,
    "tracking.clicked": PUBLIC,
    "auth.logout": PERSONAL,
    "dashboard.index": PERSONAL,
    "dashboard.recent": PERSONAL,
    "campaigns.index": PERSONAL,
    "campaigns.new": PERSONAL,
    "campaigns.merge_tags": PERSONAL,
    "campaigns.edit": OWNED,
    "campaigns.copy": OWNED,
    "campaigns.delete": OWNED,
    "review.show": OWNED,
    "review.start": OWNED,
    "progress.show": OWNED,
    "progress.fragment": OWNED,
    "breakdown.show": OWNED,
    "results.show": OWNED,
    "results.export": OWNED,
    "comparison.show": PERSONAL,
    "comparison.export": PERSONAL,
    "progress.pause": OWNED,
    "progress.resume": OWNED,
    "progress.cancel": OWNED,
    "decisions.unknown": OWNED,
    "decisions.failed": OWNED,
    "decisions.send_again": OWNED,
    "decisions.count_as_sent": OWNED,
    "decisions.try_again": OWNED,
    "ledger.show": OWNED,
    "ledger.export": OWNED,
    "preview.saved": OWNED,
    "preview.unsaved": PERSONAL,
    "preview.look": PERSONAL,
    "preview.letter": PERSONAL,
    "preview.text": PERSONAL,
    "preview.template": OWNED,
    "preview.starter": PERSONAL,
    "campaigns.autosave": OWNED,
    "test_mail.send": OWNED,
    "attachments.add": OWNED,
    "attachments.show": OWNED,
    "attachments.remove": OWNED,
    "mail_templates.index": PERSONAL,
    "mail_templates.new": PERSONAL,
    "mail_templates.edit": OWNED,
    "mail_templates.copy": OWNED,
    "mail_templates.delete": OWNED,
    "recipients.index": PERSONAL,
    "recipients.new": PERSONAL,
    "recipients.show": OWNED,
    "recipients.rename": OWNED,
    "recipients.delete": OWNED,
    "recipients.remove": OWNED,
    "imports.add": OWNED,
    "imports.show": OWNED,
    "imports.progress": OWNED,
    "imports.cancel": OWNED,
    "imports.delete": OWNED,
    "imports.refused": OWNED,
    "list_settings.show": OWNED,
    "list_settings.add_field": OWNED,
    "list_settings.rename_field": OWNED,
    "list_settings.delete_field": OWNED,
    "list_settings.copy": OWNED,
    "list_settings.merge": OWNED,
    "list_settings.at_work": OWNED,
    "list_settings.go_on": OWNED,
    "list_settings.export_csv": OWNED,
    "people.index": PERSONAL,
    "people.known": PERSONAL,
    "people.export": PERSONAL,
    "people.erase": PERSONAL,
    "people.show": OWNED,
    "people.edit": OWNED,
    "people.add": OWNED,
    "schedule.later": OWNED,
    "schedule.unschedule": OWNED,
    "schedule.campaign_hours": OWNED,
    "schedule.account_hours": OWNED,
    "mailboxes.index": PERSONAL,
    "mailboxes.new": PERSONAL,
    "mailboxes.edit": OWNED,
    "mailboxes.switch": OWNED,
    "mailboxes.delete": OWNED,
    "mailboxes.test": OWNED,
    "consent.begin_mailbox": OWNED,
    "mailboxes.release": PERSONAL,
    "bounces.show": OWNED,
    "suppressions.index": PERSONAL,
    "suppressions.add": PERSONAL,
    "suppressions.export": PERSONAL,
    "suppressions.lift": OWNED,
    "planner.show": PERSONAL,
    "settings.profile": PERSONAL,
    "settings.sender": PERSONAL,
    "sign_in.show": PERSONAL,
    "sign_in.email": PERSONAL,
    "sign_in.password": PERSONAL,
    "sign_in.end": OWNED,
    "sign_in.end_all": PERSONAL,
    "activity.show": PERSONAL,
    "activity.export": PERSONAL,
    "activity.show_all": ADMIN,
    "activity.export_all": ADMIN,
    "second_factor.show": PERSONAL,
    "second_factor.confirm": PERSONAL,
    "second_factor.renew": PERSONAL,
    "second_factor.remove": PERSONAL,
    "servers.index": PERSONAL,
    "servers.new": PERSONAL,
    "servers.show": OWNED,
    "servers.edit": OWNED,
    "servers.switch": OWNED,
    "servers.delete": OWNED,
    "servers.test": OWNED,
    "accounts.new": OWNED,
    "accounts.caps": OWNED,
    "consent.begin": OWNED,
    "trial.addresses": PERSONAL,
    "trial.remove": PERSONAL,
    "trial.show": PUBLIC,
    "trial.confirm": PUBLIC,
    "trial.trials": ADMIN,
    "domains.check": OWNED,
    "signing.add": OWNED,
    "signing.look": OWNED,
    "signing.sign": OWNED,
    "signing.delete": OWNED,
    "consent.answer": PERSONAL,
    "accounts.edit": OWNED,
    "accounts.switch": OWNED,
    "accounts.delete": OWNED,
    "accounts.test": OWNED,
    "admin.overview": ADMIN,
    "admin.live": ADMIN,
    "admin.planner": ADMIN,
    "complaints.index": ADMIN,
    "users.index": ADMIN,
    "users.new": ADMIN,
    "users.edit": ADMIN,
    "users.link": ADMIN,
    "users.suspend": ADMIN,
    "users.lift": ADMIN,
    "users.sign_out": ADMIN,
    "users.remove_factor": ADMIN,
    "complaints.lift": ADMIN,
    "api.openapi": PUBLIC,
    "api.list_accounts": CALL,
    "api.list_campaigns": CALL,
    "api.create_campaign": CALL,
    "api.get_campaign": CALL,
    "api.get_progress": CALL,
    "api.start_campaign": CALL,
    "api.pause_campaign": CALL,
    "api.resume_campaign": CALL,
    "api.cancel_campaign": CALL,
    "api.list_lists": CALL,
    "api.create_list": CALL,
    "api.get_list": CALL,
    "api.delete_list": CALL,
    "api.list_recipients": CALL,
    "api.add_recipients": CALL,
    "api.get_recipient": CALL,
    "api.remove_recipient": CALL,
    "api.list_suppressions": CALL,
    "api.add_suppressions": CALL,
    "api.check_suppression": CALL,
    "webhooks.index": PERSONAL,
    "webhooks.show": OWNED,
    "webhooks.test": OWNED,
    "webhooks.rotate": OWNED,
    "webhooks.switch": OWNED,
    "webhooks.again": OWNED,
    "webhooks.delete": OWNED,
    "api_tokens.index": PERSONAL,
    "api_tokens.reference": PERSONAL,
    "api_tokens.revoke": OWNED,
}


def own(user_id: int, *, started: bool = False) -> dict[str, int]:
    """One row of everything that a user may own, by the names that URLs give to their ids."""
    server = servers.add_server(user_id, host="smtp.example.com", port=587, encryption="starttls")
    account = servers.add_account(
        user_id, server.id, email="news@example.com", password="secret", daily_limit=10, hourly_limit=5
    )
    found = recipients.create_list(user_id, "Walruses")
    recipients.import_csv(user_id, found.id, "email\nzoe@example.com\n")
    campaign = campaigns.create_campaign(user_id, name="News", subject="News", text="Hello", list_id=found.id)
    attachments.add_attachment(user_id, campaign.campaign_id, "menu.txt", b"Soup")
    (file,) = attachments.list_attachments(user_id, campaign.campaign_id)
    if started:
        stage_until = campaigns.start(user_id, campaign.campaign_id).stage_until
        content = {name: getattr(campaign, name) for name in control.CONTENT}
        control.open_campaign(user_id, campaign.campaign_id, found.id, stage_until, content)
        while not staging.stage_batch(control.state(user_id, campaign.campaign_id), 10):
            pass
    suppressions.add(user_id, "walrus@example.com")
    mailbox = mailboxes.add_mailbox(
        user_id, kind="imap", host="imap.example.invalid", encryption="tls", login="bounces@example.com", password="s"
    )
    with db.session(db.crm_db):
        mail = Mail.get_or_none(Mail.campaign_id == campaign.campaign_id)
    return {
        "suppression_id": suppressions.search(user_id)[0].id,
        "server_id": server.id,
        "account_id": account.id,
        "key_id": signing.add_key(user_id, domain="example.com", selector="s1", kind="ed25519").id,
        "list_id": found.id,
        "recipient_id": next(iter(recipients.list_recipients(user_id, found.id))).id,
        "import_id": uploads.create(user_id, found.id, "walruses.csv", BytesIO(b"email\nada@example.com\n")).id,
        "work_id": work.copy(user_id, found.id, "Copy of Walruses").id,
        "campaign_id": campaign.campaign_id,
        "attachment_id": file.id,
        "mailbox_id": mailbox.id,
        "template_id": mail_templates.create_template(user_id, name="Walrus news").id,
        "mail_id": mail.id if mail else 0,
        **_webhook(user_id),
        "token_id": api_tokens.create_token(user_id, "Walrus counter", ["read"])[0].id,
        "session_id": _session(user_id),
    }


def _session(user_id: int) -> int:
    sessions.begin(users.get(user_id), "192.0.2.7", "Firefox on Android")
    return max(row.id for row in sessions.list_sessions(user_id))


def _webhook(user_id: int) -> dict[str, int]:
    hook, _ = webhooks.add_webhook(user_id, url="https://walruses.example.invalid/", events=["campaign.finished"])
    outbox.emit(user_id, "campaign.finished", "1", {"campaign_id": 1})
    return {"webhook_id": hook.id, "delivery_id": webhooks.list_deliveries(user_id, hook.id)[0].id}


def rules(app: Flask, *kinds: str) -> Iterator[tuple[Rule, str]]:
    """Rule and method of each route of these kinds."""
    for rule in app.url_map.iter_rules():
        if ROUTES.get(rule.endpoint) in kinds:
            yield from ((rule, method) for method in sorted(rule.methods - {"HEAD", "OPTIONS"}))


def build(app: Flask, rule: Rule, values: dict) -> str:
    """The rule's URL with ids out of `values`."""
    fixed = {"change": "activate", "filename": "app.css", "token": "x", "number": 1, "key": "letter"}
    wanted = {name: values.get(name, fixed.get(name)) for name in rule.arguments}
    return app.url_map.bind("localhost").build(rule.endpoint, wanted)
