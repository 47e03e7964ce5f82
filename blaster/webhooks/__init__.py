"""Addresses of a user's own that are told of events, by the rules of Standard Webhooks (standardwebhooks.com).

At least once: `webhook-id` is the same at each attempt, so that a receiver can leave out what it knows. `outbox` keeps
what is to be told, `delivery` tells it.
"""

import base64
import re
import secrets
from collections.abc import Collection
from urllib.parse import urlsplit

from blaster import db, vault
from blaster.db import crm_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.mail import targets
from blaster.models.webhooks import Webhook, WebhookDelivery

EVENTS = ("campaign.finished", "recipient.bounced", "recipient.complained", "recipient.unsubscribed")
TEST = "webhook.test"
MOST = 10  # of a user
OVERLAP = 24 * 3_600_000  # ms in which both the new secret and the one before it sign
_PLAIN = re.compile(r"[!-~]{1,500}")


def list_webhooks(user_id: int) -> list[Webhook]:
    """In the order of their making."""
    with db.session(crm_db):
        return list(Webhook.select().where(Webhook.user_id == user_id).order_by(Webhook.id))


def get_webhook(user_id: int, webhook_id: int) -> Webhook:
    """Raises NotFound."""
    with db.session(crm_db):
        found = Webhook.get_or_none(_mine(user_id, webhook_id))
    if found is None:
        raise NotFound("No such webhook.")
    return found


def _mine(user_id: int, webhook_id: int):
    return (Webhook.id == webhook_id) & (Webhook.user_id == user_id)


def add_webhook(user_id: int, *, url: str, events: Collection[str]) -> tuple[Webhook, str]:
    """A new one, and its secret, which pages show only now. Raises Invalid, and Conflict beyond MOST."""
    values, secret = _values(url, events), new_secret()
    with db.session(crm_db):
        if Webhook.select().where(Webhook.user_id == user_id).count() >= MOST:
            raise Conflict(f"You have {MOST} webhooks. Delete one that is not needed any more.")
        values |= {"secret": vault.encrypt(secret), "created_at": db.now(crm_db)}
        return Webhook.create(user_id=user_id, **values), secret


def new_secret() -> str:
    """24 random bytes, as receivers want them."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def edit_webhook(user_id: int, webhook_id: int, *, url: str, events: Collection[str]) -> None:
    """Raises Invalid, NotFound."""
    _update(user_id, webhook_id, **_values(url, events), failing_since=0)


def _update(user_id: int, webhook_id: int, **values) -> None:
    with db.session(crm_db):
        if not Webhook.update(**values).where(_mine(user_id, webhook_id)).execute():
            raise NotFound("No such webhook.")


def _values(url: str, events: Collection[str]) -> dict:
    url, errors = url.strip(), {}
    if trouble := _trouble(url):
        errors["url"] = trouble
    if not events or set(events) - set(EVENTS):
        errors["events"] = "Choose what it is told of."
    if errors:
        raise Invalid(errors)
    return {"url": url, "events": " ".join(event for event in EVENTS if event in events)}


def _trouble(url: str) -> str:
    """Why nothing can be told there, before anything is looked up."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        host = port = ""
    if not (_PLAIN.fullmatch(url) and host and port):
        return "Enter a web address, for example https://example.com/hooks."
    if parts.username is not None or parts.fragment:
        return "Leave out the name before the @, and what is behind the #."
    return " ".join(targets.trouble(targets.WEBHOOK, host, port).values())


def set_active(user_id: int, webhook_id: int, active: bool) -> None:
    """An inactive one is told nothing, not even later. Raises NotFound."""
    _update(user_id, webhook_id, is_active=active, failing_since=0, note="")


def rotate_secret(user_id: int, webhook_id: int) -> str:
    """A new secret, which pages show only now; the one before signs as well for a day. Raises NotFound."""
    old, secret = get_webhook(user_id, webhook_id), new_secret()
    with db.session(crm_db):
        until = db.now(crm_db) + OVERLAP
    _update(user_id, webhook_id, secret=vault.encrypt(secret), old_secret=old.secret, old_until=until)
    return secret


def delete_webhook(user_id: int, webhook_id: int) -> None:
    """With all that was or is to be told there. Raises NotFound."""

    def work():
        if not Webhook.delete().where(_mine(user_id, webhook_id)).execute():
            raise NotFound("No such webhook.")
        told = (WebhookDelivery.webhook_id == webhook_id) & (WebhookDelivery.user_id == user_id)
        WebhookDelivery.delete().where(told).execute()

    db.transaction(crm_db, work)


def list_deliveries(user_id: int, webhook_id: int, limit: int = 50) -> list[WebhookDelivery]:
    """The newest first. Raises NotFound."""
    get_webhook(user_id, webhook_id)
    told = (WebhookDelivery.webhook_id == webhook_id) & (WebhookDelivery.user_id == user_id)
    with db.session(crm_db):
        return list(WebhookDelivery.select().where(told).order_by(WebhookDelivery.id.desc()).limit(limit))


def secrets_of(webhook: Webhook, now: int) -> list[str]:
    """Those that sign, the newest first. Raises vault.Locked."""
    stored = [webhook.secret, webhook.old_secret if webhook.old_until > now else None]
    return [vault.decrypt(each) for each in stored if each]
