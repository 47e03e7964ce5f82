"""Tells one thing to one address."""

import time

from blaster import vault
from blaster.config import Settings
from blaster.webhooks import outbox, secrets_of, signature, wire

_SAID = {"Content-Type": "application/json", "User-Agent": "Blaster-Webhooks"}


def attempt(delivery_id: int, settings: Settings) -> bool:
    """Whether it arrived; False also where there was nothing to do."""
    found = outbox.begin(delivery_id)
    if found is None:
        return False
    delivery, webhook = found
    body, seconds = delivery.body.encode(), int(time.time())  # the receiver compares it with its own clock
    try:
        signed = signature.headers(delivery.message_id, seconds, body, secrets_of(webhook, seconds * 1000))
        status, answer = wire.post(webhook.url, _SAID | signed, body, settings.tls_ca_file)
    except (wire.Failed, vault.Locked) as error:
        status, answer = 0, str(error)
    return outbox.note(delivery, webhook, status, answer)
