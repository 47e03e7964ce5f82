"""Who did what, when and from where. Entries are written once; only maintenance takes them away, once they are old.

No secret and no address of a recipient goes in here: things have their kind and id, people theirs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from blaster import db
from blaster.db import campaign_db
from blaster.models.audit import AuditEntry
from blaster.models.campaign_db import User

QUIET = 15 * 60_000  # ms in which the same refusal is told once
LONGEST = 500
_CHUNK = 1_000


def note(
    actor_id: int,
    act: str,
    target: str = "",
    target_id: int = 0,
    details: str = "",
    *,
    user_id: int | None = None,
    client: str = "",
) -> None:
    """Write an entry. `actor_id`: who did it, 0 for a stranger, a worker or a script; `user_id`: whose affair it is,
    the actor's own unless told; `client`: the IP address."""
    row = {"actor_id": actor_id, "user_id": actor_id if user_id is None else user_id, "act": act, "target": target}
    row |= {"target_id": target_id, "details": details[:LONGEST], "client": client[:45]}
    with db.session(campaign_db):
        AuditEntry.create(**row, at=db.now(campaign_db))


def note_once(act: str, *, user_id: int, client: str) -> None:
    """The same, for what a stranger can cause without end: once in a quarter of an hour for each user and client."""
    with db.session(campaign_db):
        same = (AuditEntry.act == act) & (AuditEntry.user_id == user_id) & (AuditEntry.client == client[:45])
        if AuditEntry.select().where(same & (AuditEntry.at > db.now(campaign_db) - QUIET)).exists():
            return
    note(0, act, user_id=user_id, client=client)


def changes(before, after, *names: str) -> str:
    """`daily limit 10 → 20` for each of these attributes that differs; empty for none."""
    pairs = ((name.replace("_", " "), getattr(before, name), getattr(after, name)) for name in names)
    return ", ".join(f"{name} {old} → {new}" for name, old, new in pairs if old != new)


@dataclass(frozen=True)
class Asked:
    """A choice of entries: of one user's affairs or, `user_id` None, of all; by one actor; one act; between instants
    (ms, the second excluded)."""

    user_id: int | None
    actor_id: int | None = None
    act: str = ""
    since: int = 0
    until: int = 0


def search(asked: Asked, *, before: int = 0, limit: int = 50) -> list[AuditEntry]:
    """The newest first, below the id `before` where that is given; each with its `.actor` and `.owner` (addresses of
    users, empty for none)."""
    query = AuditEntry.select().where(_chosen(asked)).order_by(AuditEntry.id.desc())
    with db.session(campaign_db):
        rows = list((query.where(AuditEntry.id < before) if before else query).limit(limit))
        ids = {row.actor_id for row in rows} | {row.user_id for row in rows}
        names = dict(User.select(User.id, User.email).where(User.id.in_(list(ids))).tuples())
    for row in rows:
        row.actor, row.owner = names.get(row.actor_id, ""), names.get(row.user_id, "")
    return rows


def _chosen(asked: Asked):
    chosen = AuditEntry.id > 0
    if asked.user_id is not None:
        chosen &= AuditEntry.user_id == asked.user_id
    if asked.actor_id is not None:
        chosen &= AuditEntry.actor_id == asked.actor_id
    if asked.act:
        chosen &= AuditEntry.act == asked.act
    if asked.since:
        chosen &= AuditEntry.at >= asked.since
    return chosen & (AuditEntry.at < asked.until) if asked.until else chosen


def export(asked: Asked) -> Iterator[AuditEntry]:
    """All of them, the newest first, read in pieces."""
    before = 0
    while rows := search(asked, before=before, limit=_CHUNK):
        yield from rows
        before = rows[-1].id


def acts(user_id: int | None) -> list[str]:
    """What there is to choose from."""
    mine = AuditEntry.select(AuditEntry.act).where(_chosen(Asked(user_id))).distinct().order_by(AuditEntry.act)
    with db.session(campaign_db):
        return [act for (act,) in mine.tuples()]
