"""What is to be told: written in the transaction of an event or right after it, so that no crash loses it."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from blaster import db
from blaster.db import crm_db
from blaster.errors import Conflict, NotFound
from blaster.models.webhooks import Webhook, WebhookDelivery
from blaster.webhooks import TEST, get_webhook

SECOND = 1_000
# Between the attempts, as Standard Webhooks advises: the last one comes three days after the event.
WAITS = [each * SECOND for each in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)]
FAILING = 5 * 86_400 * SECOND  # an address that takes nothing for so long is switched off
MOST_REST = 3_600 * SECOND
TRYING = 60 * SECOND  # in which nobody else tries the same
DISABLED = "Switched off: nothing arrived there for five days."
GONE = "Switched off: the address answered that it is gone (410)."
_COLUMNS = (
    *(WebhookDelivery.user_id, WebhookDelivery.webhook_id, WebhookDelivery.message_id, WebhookDelivery.event),
    *(WebhookDelivery.body, WebhookDelivery.email_key, WebhookDelivery.due_at, WebhookDelivery.created_at),
)


def emit(user_id: int, event: str, about: str, data: dict, *, email_key: str = "") -> None:
    """Tell the user's webhooks. `about` tells this event from all others of its kind: repeated, it changes nothing.

    May be called within a transaction of Server 2.
    """
    with db.session(crm_db):
        told = Webhook.select(Webhook.id, Webhook.events).where((Webhook.user_id == user_id) & Webhook.is_active)
        ids = [webhook_id for webhook_id, events in told.tuples() if event in events.split()]
        if ids:
            _write(user_id, ids, event, about, data, email_key)


def _write(user_id: int, ids: list[int], event: str, about: str, data: dict, email_key: str = "") -> None:
    now = db.now(crm_db)
    digest = hashlib.sha256(f"{user_id} {event} {about}".encode()).hexdigest()
    said = {"type": event, "timestamp": datetime.fromtimestamp(now / 1000, UTC).isoformat(), "data": data}
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    rows = [(user_id, each, f"msg_{digest[:32]}", event, body, email_key, now, now) for each in ids]
    db.insert_new(WebhookDelivery, _COLUMNS, rows)


def emit_test(user_id: int, webhook_id: int) -> WebhookDelivery:
    """Something to try an address with. Raises NotFound."""
    get_webhook(user_id, webhook_id)
    with db.session(crm_db):
        _write(user_id, [webhook_id], TEST, f"{webhook_id} {db.now(crm_db)}", {"message": "It works."})
        mine = (WebhookDelivery.webhook_id == webhook_id) & (WebhookDelivery.user_id == user_id)
        return WebhookDelivery.select().where(mine).order_by(WebhookDelivery.id.desc()).first()


def again(user_id: int, webhook_id: int, delivery_id: int) -> None:
    """Tell it once more, at once. Raises NotFound, and Conflict where nothing is told."""
    if not get_webhook(user_id, webhook_id).is_active:
        raise Conflict("This webhook is switched off. Switch it on first.")
    same = (WebhookDelivery.id == delivery_id) & (WebhookDelivery.webhook_id == webhook_id)
    mine = same & (WebhookDelivery.user_id == user_id)
    with db.session(crm_db):
        values = {"state": "pending", "attempts": 0, "due_at": db.now(crm_db)}
        if not WebhookDelivery.update(**values).where(mine).execute():
            raise NotFound("No such delivery.")


def due(limit: int, busy: Iterable[int] = ()) -> dict[int, list[int]]:
    """What is to be told now: ids by webhook, the oldest first, no more than `limit` of each.

    `busy`: webhooks whose turn is not over: however much waits for one, others are found behind it.
    """
    with db.session(crm_db):
        waiting = (WebhookDelivery.state == "pending") & (WebhookDelivery.due_at <= db.now(crm_db))
        waiting &= WebhookDelivery.webhook_id.not_in(list(busy))
        columns = (WebhookDelivery.webhook_id, WebhookDelivery.id)
        rows = WebhookDelivery.select(*columns).where(waiting).order_by(WebhookDelivery.due_at, WebhookDelivery.id)
        found: dict[int, list[int]] = {}
        for webhook_id, delivery_id in rows.limit(20 * limit).tuples():
            if len(ids := found.setdefault(webhook_id, [])) < limit:
                ids.append(delivery_id)
    return found


def begin(delivery_id: int) -> tuple[WebhookDelivery, Webhook] | None:
    """It and its address, for one attempt; None where somebody else is at it, or there is nothing to tell any more."""

    def work():
        now = db.now(crm_db)
        mine = (WebhookDelivery.id == delivery_id) & (WebhookDelivery.state == "pending")
        if not WebhookDelivery.update(due_at=now + TRYING).where(mine & (WebhookDelivery.due_at <= now)).execute():
            return None
        found = WebhookDelivery.get_by_id(delivery_id)
        webhook = Webhook.get_or_none((Webhook.id == found.webhook_id) & (Webhook.user_id == found.user_id))
        if webhook is None or not (webhook.is_active or found.event == TEST):
            WebhookDelivery.update(state="given-up", answer="The webhook was switched off.").where(mine).execute()
            return None
        return found, webhook

    return db.transaction(crm_db, work)


def note(delivery: WebhookDelivery, webhook: Webhook, status: int, answer: str) -> bool:
    """What came of an attempt (status 0: no answer); returns whether it arrived."""
    arrived = 200 <= status < 300

    def work():
        now = db.now(crm_db)
        values = {"status": status, "answer": answer[:300], "tried_at": now, "attempts": WebhookDelivery.attempts + 1}
        if arrived:
            values["state"] = "delivered"
        elif delivery.attempts >= len(WAITS) or delivery.event == TEST:
            values["state"] = "given-up"
        else:
            values["due_at"] = now + WAITS[delivery.attempts]
        WebhookDelivery.update(**values).where(WebhookDelivery.id == delivery.id).execute()
        if delivery.event != TEST:
            _judge(webhook, status, now)

    db.transaction(crm_db, work)
    return arrived


def _let_rest(webhook: Webhook, now: int) -> None:
    """All that waits for an address that takes nothing waits as long as it has failed so far, an hour at most."""
    until = now + min(max(now - (webhook.failing_since or now), WAITS[0]), MOST_REST)
    waiting = (WebhookDelivery.webhook_id == webhook.id) & (WebhookDelivery.state == "pending")
    WebhookDelivery.update(due_at=until).where(waiting & (WebhookDelivery.due_at < until)).execute()


def _judge(webhook: Webhook, status: int, now: int) -> None:
    same = (Webhook.id == webhook.id) & (Webhook.url == webhook.url)  # not where it leads elsewhere by now
    if 200 <= status < 300:
        Webhook.update(failing_since=0).where(same & (Webhook.failing_since > 0)).execute()
        return
    Webhook.update(failing_since=now).where(same & (Webhook.failing_since == 0)).execute()
    _let_rest(webhook, now)
    off = {"is_active": False}
    if status == 410:
        Webhook.update(**off, note=GONE).where(same).execute()
    else:
        Webhook.update(**off, note=DISABLED).where(same & (Webhook.failing_since < now - FAILING)).execute()
