"""From the reply of a server to what becomes of the row, and to whom the reply speaks. Pure."""

import random

from blaster.mail.replies import classify
from blaster.mail.session import Reply
from blaster.queue.rows import Outcome, Row

MINUTE = 60_000
ATTEMPTS = 6

SERVER = {"too-many-recipients", "protocol"}


def outcome_of(row: Row, reply: Reply) -> Outcome:
    """The row's next state. Only what is about the recipient counts as an attempt; lost after the dot is unknown."""
    reply_class = class_of(reply)
    said = {"reply_class": reply_class, "code": reply.code, "text": reply.text}
    if reply_class in ("sent", "unknown"):
        return Outcome(row, reply_class, **said, attempts=row.attempts + 1)
    if reply_class in ("hard", "block", "smtputf8"):
        return Outcome(row, "failed", **said, attempts=row.attempts + 1)
    if reply_class == "soft" or reply_class == "protocol":
        return _deferred(row, said)
    return Outcome(row, "pending", **said, attempts=row.attempts)


def class_of(reply: Reply) -> str:
    """The class of the reply; `connection` where the session ended before the final dot, so that nothing was sent."""
    if reply.code <= 0 and reply.phase != "dot":
        return "connection"
    return classify(reply)


def released(row: Row) -> Outcome:
    """Back to the queue as if it had not been claimed; its final dot was never sent."""
    return Outcome(row, "pending", attempts=row.attempts)


def in_doubt(row: Row) -> Outcome:
    """Its final dot may have left and its reply was not read."""
    return Outcome(row, "unknown", "unknown", None, "The reply to this mail was not read.", attempts=row.attempts + 1)


def unbuildable(row: Row, reason: str) -> Outcome:
    """A message that cannot be made for this recipient."""
    return Outcome(row, "failed", "message", None, reason, attempts=row.attempts)


def _deferred(row: Row, said: dict) -> Outcome:
    attempts = row.attempts + 1
    if attempts >= ATTEMPTS:
        said["text"] = f"Gave up after {attempts} attempts: {said['text']}"
        return Outcome(row, "failed", **said, attempts=attempts)
    pause = 5 * MINUTE * 3**row.attempts
    return Outcome(row, "pending", **said, delay=int(pause * random.uniform(1, 1.2)), attempts=attempts)  # noqa: S311  jitter
