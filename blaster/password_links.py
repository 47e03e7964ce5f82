"""Links that let somebody set their password, once: who was invited, and who forgot it."""

import hashlib
import secrets

from blaster import addresses, db
from blaster.db import campaign_db
from blaster.errors import NotFound
from blaster.models.campaign_db import User
from blaster.models.sign_in import PasswordLink, PasswordRequest

HOUR = 3_600_000
GOOD_FOR = {"invitation": 7 * 24 * HOUR, "reset": HOUR}
FORGOTTEN_AFTER = HOUR  # a request that no worker has seen to by then


def make(user_id: int, kind: str) -> str:
    """A link's token, which nobody can show again; those that the user had are void. `kind`: of GOOD_FOR."""
    token = secrets.token_urlsafe(32)

    def work():
        now = db.now(campaign_db)
        void(user_id)
        PasswordLink.get_or_create(
            token_hash=_hash(token),
            defaults={"user_id": user_id, "kind": kind, "created_at": now, "ends_at": now + GOOD_FOR[kind]},
        )

    db.transaction(campaign_db, work)
    return token


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def get(token: str) -> PasswordLink:
    """The link while it is good, and its user may sign in. Raises NotFound."""
    with db.session(campaign_db):
        good = (PasswordLink.used_at == 0) & (PasswordLink.ends_at > db.now(campaign_db))
        same = (PasswordLink.token_hash == _hash(token)) & good & User.is_active
        found = PasswordLink.select(PasswordLink).join(User, on=User.id == PasswordLink.user_id).where(same).first()
    if found is None:
        raise NotFound("No such link.")
    return found


def use(link: PasswordLink) -> None:
    """Part of the transaction that sets the password: of two at once, one comes too late. Raises NotFound."""
    good = (PasswordLink.id == link.id) & (PasswordLink.used_at == 0) & (PasswordLink.ends_at > db.now(campaign_db))
    if not PasswordLink.update(used_at=db.now(campaign_db)).where(good).execute():
        raise NotFound("No such link.")
    void(link.user_id)


def void(user_id: int) -> None:
    """End all links of a user; part of a transaction."""
    unused = (PasswordLink.user_id == user_id) & (PasswordLink.used_at == 0)
    PasswordLink.update(used_at=db.now(campaign_db)).where(unused).execute()


def ask(email: str) -> None:
    """Somebody forgot the password of this address. Nothing is looked up here: the answer takes as long, and says the
    same, whether there is such a user or not."""
    try:
        key = addresses.normalise(email)[1]
    except ValueError:
        key = ""
    with db.session(campaign_db):
        PasswordRequest.create(email_key=key, asked_at=db.now(campaign_db))


def requests() -> list[PasswordRequest]:
    """For workers: what was asked for and not seen to."""
    with db.session(campaign_db):
        return list(PasswordRequest.select().order_by(PasswordRequest.id).limit(100))


def take(request: PasswordRequest) -> User | None:
    """For workers: whom to send a link to, for one process in all; None where there is no such user, or it is late."""

    def work():
        if not PasswordRequest.delete().where(PasswordRequest.id == request.id).execute():
            return None
        if request.asked_at < db.now(campaign_db) - FORGOTTEN_AFTER:
            return None
        return User.get_or_none((User.email == request.email_key) & User.is_active)

    return db.transaction(campaign_db, work)
