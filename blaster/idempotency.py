"""Creations that programs repeat when they do not know whether they succeeded: the second one finds the first."""

import hashlib
from dataclasses import dataclass

from blaster import db
from blaster.db import campaign_db
from blaster.errors import Invalid
from blaster.models.api import IdempotencyKey


@dataclass(frozen=True)
class Once:
    """`key`: chosen by the program, of its user's own; `digest`: of what is asked for."""

    key: str
    digest: str


def once(key: str, body: bytes) -> Once:
    """For a request. Raises Invalid."""
    if not (0 < len(key) <= 200 and key.isascii() and key.isprintable()):
        raise Invalid({"Idempotency-Key": "Use up to 200 plain characters, for example a UUID."})
    return Once(key, hashlib.sha256(body).hexdigest())


def find(user_id: int, asked: Once) -> int | None:
    """The campaign that was made under this key. Raises Invalid where something else was asked for then."""
    known = IdempotencyKey.get_or_none((IdempotencyKey.user_id == user_id) & (IdempotencyKey.key == asked.key))
    if known and known.digest != asked.digest:
        raise Invalid({"Idempotency-Key": "This key came before, with another content. Use a new key."})
    return known and known.campaign_id


def note(user_id: int, asked: Once, campaign_id: int) -> None:
    """In the transaction that makes the campaign. Raises IntegrityError where another one has just been quicker."""
    IdempotencyKey.insert(
        user_id=user_id, key=asked.key, digest=asked.digest, campaign_id=campaign_id, created_at=db.now(campaign_db)
    ).execute()
