"""The routes of the application by who may use them, and rows to fill their ids with. A new route needs a row here."""

from collections.abc import Iterator

from flask import Flask
from werkzeug.routing import Rule

from blaster import campaigns, db, recipients, servers
from blaster.models.crm_db import Mail
from blaster.queue import control, staging

PUBLIC, PERSONAL, OWNED, ADMIN = "public", "personal", "owned", "admin"

# public: anybody; personal: whoever is signed in, on their own things only, so that it names no row;
# owned: names a row and is "not found" to everybody but its owner; admin: forbidden to users.
ROUTES = {
    "static": PUBLIC,
    "healthz": PUBLIC,
    "auth.login": PUBLIC,
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
    "progress.pause": OWNED,
    "progress.resume": OWNED,
    "progress.cancel": OWNED,
    "decisions.unknown": OWNED,
    "decisions.failed": OWNED,
    "decisions.send_again": OWNED,
    "decisions.count_as_sent": OWNED,
    "decisions.try_again": OWNED,
    "preview.saved": OWNED,
    "preview.unsaved": PERSONAL,
    "recipients.index": PERSONAL,
    "recipients.new": PERSONAL,
    "recipients.show": OWNED,
    "recipients.rename": OWNED,
    "recipients.delete": OWNED,
    "recipients.remove": OWNED,
    "imports.add": OWNED,
    "servers.index": PERSONAL,
    "servers.new": PERSONAL,
    "servers.show": OWNED,
    "servers.edit": OWNED,
    "servers.switch": OWNED,
    "servers.delete": OWNED,
    "servers.test": OWNED,
    "accounts.new": OWNED,
    "accounts.edit": OWNED,
    "accounts.switch": OWNED,
    "accounts.delete": OWNED,
    "accounts.test": OWNED,
    "admin.overview": ADMIN,
    "admin.live": ADMIN,
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
    if started:
        stage_until = campaigns.start(user_id, campaign.campaign_id).stage_until
        content = {name: getattr(campaign, name) for name in control.CONTENT}
        control.open_campaign(user_id, campaign.campaign_id, found.id, stage_until, content)
        while not staging.stage_batch(control.state(user_id, campaign.campaign_id), 10):
            pass
    with db.session(db.crm_db):
        mail = Mail.get_or_none(Mail.campaign_id == campaign.campaign_id)
    return {
        "server_id": server.id,
        "account_id": account.id,
        "list_id": found.id,
        "recipient_id": next(iter(recipients.list_recipients(user_id, found.id))).id,
        "campaign_id": campaign.campaign_id,
        "mail_id": mail.id if mail else 0,
    }


def rules(app: Flask, *kinds: str) -> Iterator[tuple[Rule, str]]:
    """Rule and method of each route of these kinds."""
    for rule in app.url_map.iter_rules():
        if ROUTES.get(rule.endpoint) in kinds:
            yield from ((rule, method) for method in sorted(rule.methods - {"HEAD", "OPTIONS"}))


def build(app: Flask, rule: Rule, values: dict) -> str:
    """The rule's URL with ids out of `values`."""
    fixed = {"change": "activate", "filename": "app.css"}
    wanted = {name: values.get(name, fixed.get(name)) for name in rule.arguments}
    return app.url_map.bind("localhost").build(rule.endpoint, wanted)
