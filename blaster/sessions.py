"""Browsers that are signed in. A cookie opens the door only while its row is there: each can be shut from here."""

import hashlib
import secrets
import time
from dataclasses import dataclass

from blaster import db
from blaster.db import campaign_db
from blaster.errors import Conflict, NotFound
from blaster.models.campaign_db import User
from blaster.models.sign_in import Session

MINUTE = 60_000
IDLE = 31 * 24 * 60 * MINUTE  # after which a cookie that is not used opens nothing
COARSE = 5 * MINUTE  # a visit is noted once in so long: pages of a hundred viewers must not write all the time
PROVED = 10 * MINUTE  # how long an entered password is good for what is dangerous

_SEEN = (
    "SELECT u.id, u.email, u.name, u.role, u.is_trial, u.time_zone, x.id, x.seen_at, x.proved_at, f.confirmed_at"
    " FROM sessions x JOIN users u ON u.id=x.user_id LEFT JOIN second_factors f ON f.user_id=u.id"
    " WHERE x.token_hash=%s AND u.id=%s AND u.is_active=1"
)


@dataclass(slots=True)
class Seen:
    """Who is signed in, by which session. `factor_since`: None or 0 without a second factor."""

    id: int
    email: str
    name: str
    role: str
    is_trial: bool
    time_zone: str
    session_id: int
    seen_at: int
    proved_at: int
    factor_since: int | None


def begin(user: User, client: str, agent: str) -> str:
    """Sign in, and return what the cookie is to carry. `user`: as read when the password was looked at; Conflict where
    the password was changed or the user suspended since."""
    token = secrets.token_urlsafe(32)

    def work():
        now = db.now(campaign_db)
        same = (User.id == user.id) & (User.password_hash == user.password_hash) & User.is_active
        if not User.update(last_sign_in_at=now).where(same).execute():
            raise Conflict("Your password has just been changed. Sign in again.")
        found, _ = Session.get_or_create(
            token_hash=key(token),
            defaults={"user_id": user.id, "created_at": now, "seen_at": now, "proved_at": now}
            | {"client": client[:45], "agent": agent[:120]},
        )
        return found

    db.transaction(campaign_db, work)
    return token


def key(token: str) -> str:
    """What is stored of it: whoever reads the table cannot sign in with it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def find(user_id: int, token: str) -> Seen | None:
    """Every page asks, so it is one read, and leaves the clock to the cookie's own signature (`IDLE`)."""
    with db.session(campaign_db):
        row = db.execute(campaign_db, _SEEN, key(token), user_id).fetchone()
    return Seen(*row) if row else None


def visit(found: Seen) -> None:
    """Note that the session is in use, now and then."""
    if time.time_ns() // 1_000_000 - found.seen_at > COARSE:  # the database's clock would be one more read
        with db.session(campaign_db):
            Session.update(seen_at=db.now(campaign_db)).where(Session.id == found.session_id).execute()


def prove(user_id: int, session_id: int) -> None:
    """The password was entered again."""
    with db.session(campaign_db):
        Session.update(proved_at=db.now(campaign_db)).where(_mine(user_id, session_id)).execute()


def is_proved(found: Seen) -> bool:
    """Entered so lately that it need not be again."""
    with db.session(campaign_db):
        return db.now(campaign_db) - found.proved_at < PROVED


def list_sessions(user_id: int) -> list[Session]:
    """Those that have not ended, the latest first."""
    with db.session(campaign_db):
        alive = (Session.user_id == user_id) & (Session.seen_at > db.now(campaign_db) - IDLE)
        return list(Session.select().where(alive).order_by(Session.seen_at.desc(), Session.id.desc()))


def end(user_id: int, session_id: int) -> None:
    """Whoever has its cookie is a stranger from now on. Raises NotFound."""
    with db.session(campaign_db):
        if not Session.delete().where(_mine(user_id, session_id)).execute():
            raise NotFound("No such session.")


def end_all(user_id: int) -> int:
    """End all sessions of a user; returns how many. May be part of a transaction."""
    with db.session(campaign_db):
        return Session.delete().where(Session.user_id == user_id).execute()


def _mine(user_id: int, session_id: int):
    return (Session.id == session_id) & (Session.user_id == user_id)
