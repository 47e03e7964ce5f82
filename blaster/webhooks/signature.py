"""The headers by which a receiver knows that it was us, and when; pure."""

import base64
import hashlib
import hmac
from collections.abc import Iterable


def headers(message_id: str, seconds: int, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """`seconds`: since 1970, of this attempt; receivers refuse old ones, so that nobody can replay them."""
    said = f"{message_id}.{seconds}.".encode() + body
    signatures = (hmac.digest(_key(secret), said, hashlib.sha256) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join("v1," + base64.b64encode(each).decode() for each in signatures),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))
