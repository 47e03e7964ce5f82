"""The keys that a user's mails are signed with, by domain of the From address.

A key signs once its record was seen in the DNS: a signature that nobody can check does more harm than none.
"""

import functools
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from blaster import db, senders, vault
from blaster.db import crm_db
from blaster.domains import dkim as published
from blaster.domains.resolver import Records
from blaster.errors import Invalid, NotFound
from blaster.mail import dkim_keys
from blaster.mail.dkim import Signer
from blaster.models.dkim import DkimKey

log = logging.getLogger(__name__)

MOST = 50  # keys of a user
SEEN_FOR, LOST_FOR = 86_400_000, 3_600_000  # ms until a record is looked up again
LONGEST_PEM = 10_000

Signers = Mapping[str, tuple[Signer, ...]]  # by domain


def list_keys(user_id: int) -> list[DkimKey]:
    """All of the user, by domain; `.name` is where the record belongs, `.signs` whether mails are signed with it."""
    order = (DkimKey.domain, DkimKey.selector)
    with db.session(crm_db):
        rows = list(DkimKey.select().where(DkimKey.user_id == user_id).order_by(*order))
    for row in rows:
        row.name = published.key_name(row.selector, row.domain)
        row.signs = row.insists or row.verdict == "published"
    return rows


def add_key(user_id: int, *, domain: str, selector: str, kind: str = "rsa", pem: str = "") -> DkimKey:
    """`kind`: rsa or ed25519, for a new key; `pem`: the user's own private key instead. Raises Invalid."""
    domain, selector = senders.domain_of(f"@{domain}"), selector.strip().lower()
    pem = pem.strip() or dkim_keys.new(kind)
    if trouble := _trouble(user_id, domain, selector, pem):
        raise Invalid(trouble)
    values = {"private_key": vault.encrypt(pem), "record": dkim_keys.record(pem)}
    with db.session(crm_db):
        now = db.now(crm_db)
        return DkimKey.create(user_id=user_id, domain=domain, selector=selector, created_at=now, **values)


def _trouble(user_id: int, domain: str, selector: str, pem: str) -> dict[str, str]:
    keys = list_keys(user_id)
    if len(keys) >= MOST:
        return {"domain": f"You have {MOST} keys. Delete one that is no longer used first."}
    if any((key.domain, key.selector) == (domain, selector) for key in keys):
        return {"selector": f"There is a key of this name for {domain} already. Choose another selector."}
    try:
        if len(pem) > LONGEST_PEM:
            raise ValueError("this is too long for a private key")
        dkim_keys.load(pem)
    except ValueError as error:
        return {"pem": f"It cannot be used: {error}."}
    try:
        if len(selector) > 63:
            raise ValueError
        Signer(domain, selector, pem)
    except ValueError:
        return {"selector": "Use letters, digits and hyphens, for example s1."}
    return {}


def _mine(user_id: int, key_id: int):
    return (DkimKey.id == key_id) & (DkimKey.user_id == user_id)


def look(user_id: int, ask: Records, *, domain: str = "", key_id: int = 0) -> DkimKey | None:
    """Look up the record of one key, or of all of a domain, and keep what was seen; the last key, None without any.

    Raises NotFound for a stranger's key, Unanswered: then what was known stays.
    """
    keys = [key for key in list_keys(user_id) if key.id == key_id or (domain and key.domain == domain)]
    if not keys and not domain:
        raise NotFound("No such key.")
    for key in keys:
        _keep(key, published.seen(ask, key.domain, key.selector, key.record))
    return keys[-1] if keys else None


def _keep(key: DkimKey, verdict: str) -> None:
    is_lost = key.verdict == "published" and verdict != "published"
    with db.session(crm_db):
        now = db.now(crm_db)
        key.lost_at = 0 if verdict == "published" else now if is_lost else key.lost_at
        key.verdict = verdict
        values = {"verdict": verdict, "lost_at": key.lost_at, "checked_at": now}
        DkimKey.update(**values).where(_mine(key.user_id, key.id)).execute()


def due() -> list[DkimKey]:
    """For workers: keys of all users whose record was seen once and is to be looked up again; a lost one more often,
    since mails are signed again once it is back."""
    with db.session(crm_db):
        now = db.now(crm_db)
        seen = (DkimKey.verdict == "published") & (DkimKey.checked_at < now - SEEN_FOR)
        lost = (DkimKey.lost_at > 0) & (DkimKey.checked_at < now - LOST_FOR)
        return list(DkimKey.select().where(seen | lost).order_by(DkimKey.checked_at))


def lost(user_id: int) -> list[DkimKey]:
    """Keys that sign no more, since their record is gone or another."""
    return [key for key in list_keys(user_id) if key.lost_at and not key.signs]


def covering(keys: Iterable[DkimKey], domains: Iterable[str]) -> list[DkimKey]:
    """Those that sign mails from one of these domains: of the domain itself or one above it."""
    names = [f".{domain}" for domain in domains]
    return [key for key in keys if any(name.endswith(f".{key.domain}") for name in names)]


def insist(user_id: int, key_id: int, insists: bool) -> None:
    """Sign whatever the DNS says, or only while the record is there. Raises NotFound."""
    with db.session(crm_db):
        if not DkimKey.select().where(_mine(user_id, key_id)).exists():
            raise NotFound("No such key.")
        DkimKey.update(insists=insists).where(_mine(user_id, key_id)).execute()


def delete_key(user_id: int, key_id: int) -> None:
    """Sign no more with it; it cannot be brought back. Raises NotFound."""
    with db.session(crm_db):
        if not DkimKey.delete().where(_mine(user_id, key_id)).execute():
            raise NotFound("No such key.")


def signers(user_ids: Collection[int]) -> dict[int, Signers]:
    """What signs the mails of these users, as of now; nothing for a user without keys. Server 2 alone is asked."""
    signs = DkimKey.user_id.in_(list(user_ids)) & (DkimKey.insists | (DkimKey.verdict == "published"))
    with db.session(crm_db):
        rows = list(DkimKey.select().where(signs).order_by(DkimKey.id))
    found: dict[int, dict] = defaultdict(dict)
    for row in rows:
        try:
            signer = _signer(row.domain, row.selector, row.private_key)
        except vault.Locked:  # mails without a signature rather than no mails
            log.error("key %s cannot be read with the keys of this installation; it signs nothing", row.id)
            continue
        mine = found[row.user_id]
        mine[row.domain] = (*mine.get(row.domain, ()), signer)
    return dict(found)


@functools.lru_cache(1_000)  # workers ask every few seconds, and reading an RSA key takes milliseconds
def _signer(domain: str, selector: str, private_key: str) -> Signer:
    return Signer(domain, selector, vault.decrypt(private_key))
