"""Leases: `server:7` belongs to one process until it expires. The token fences: the dead write nothing."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass

import peewee

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import Lease


@dataclass(frozen=True)
class Hold:
    """A lease as its holder knows it."""

    name: str
    token: int


def take(name: str, owner: str, ttl: int) -> Hold | None:
    """Take the lease for `ttl` ms; None if somebody has it, or had it and his rows are not recovered yet.

    An expired lease is never overwritten: `orphans.recover` needs its token, and frees the name when it is done.
    """
    hold = Hold(name, secrets.randbits(62))

    def work():
        expires_at = db.now(crm_db) + ttl
        Lease.insert(name=name, owner=owner, token=hold.token, expires_at=expires_at).execute()

    try:
        db.transaction(crm_db, work)
        return hold
    except peewee.IntegrityError:
        with db.session(crm_db):  # the token is ours when only the answer to our COMMIT was lost
            return hold if Lease.select().where((Lease.name == name) & (Lease.token == hold.token)).exists() else None


def renew(owner: str, names: Collection[str], ttl: int) -> dict[str, Hold]:
    """Keep these leases for another `ttl` ms; returns those still held by name. One that expired is lost for good."""

    def work():
        now = db.now(crm_db)
        mine = (Lease.name.in_(list(names))) & (Lease.owner == owner) & (Lease.expires_at > now)
        Lease.update(expires_at=now + ttl).where(mine).execute()
        return {lease.name: Hold(lease.name, lease.token) for lease in Lease.select().where(mine)}

    return db.transaction(crm_db, work) if names else {}


def release(hold: Hold) -> None:
    """Give the lease back; nothing happens when it is somebody else's by now."""

    def work():
        Lease.delete().where((Lease.name == hold.name) & (Lease.token == hold.token)).execute()

    db.transaction(crm_db, work)


def end(hold: Hold) -> None:
    """Let the lease run out now. Waits for claims and intents that rely on it, so that whoever comes next sees them."""

    def work():
        Lease.update(expires_at=0).where((Lease.name == hold.name) & (Lease.token == hold.token)).execute()

    db.transaction(crm_db, work)


def expire_all(owner: str) -> None:
    """End the leases of a process that is known to be dead, so that nobody waits for them to run out."""
    with db.session(crm_db):
        names = [lease.name for lease in Lease.select().where(Lease.owner == owner)]

    def work():
        Lease.update(expires_at=0).where(Lease.name.in_(names) & (Lease.owner == owner)).execute()

    if names:
        db.transaction(crm_db, work)


def expired() -> list[Hold]:
    """Leases that ran out and wait for recovery."""
    with db.session(crm_db):
        rows = Lease.select().where(Lease.expires_at <= db.now(crm_db)).order_by(Lease.name)
        return [Hold(row.name, row.token) for row in rows]


def alive() -> list[Lease]:
    """The leases held now."""
    with db.session(crm_db):
        return list(Lease.select().where(Lease.expires_at > db.now(crm_db)).order_by(Lease.name))


def are_held(holds: Collection[Hold], now: int) -> set[Hold]:
    """Those of `holds` that are still good, locked in share mode until the caller's transaction ends."""
    names = sorted({hold.name for hold in holds})
    if not names:
        return set()
    query = f"SELECT name, token FROM leases WHERE name IN ({', '.join(['%s'] * len(names))}) AND expires_at > %s"
    rows = db.execute(crm_db, query + " ORDER BY name {share}", *names, now)
    return {Hold(*row) for row in rows.fetchall()} & set(holds)
