"""Tokens by which programs work for a user: shown once, kept as a hash, limited to what they need."""

import hashlib
import secrets
from collections.abc import Collection

from blaster import db
from blaster.db import campaign_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.models.api import ApiToken
from blaster.models.campaign_db import User

# In this order on pages. write: lists, recipients, drafts, suppressions; send: start, pause, resume, cancel campaigns.
SCOPES = ("read", "write", "send")
PREFIX = "blaster_"  # so that programs which look for leaked secrets know one
MOST = 20  # of a user
MINUTE = 60_000


class Unknown(Exception):
    """No token of anybody who may sign in."""


class TooMany(Exception):
    """More calls in this minute than allowed. `seconds`: until the next one begins."""

    def __init__(self, seconds: int):
        super().__init__(f"Too many calls. Wait {seconds} s, then try again.")
        self.seconds = seconds


def list_tokens(user_id: int) -> list[ApiToken]:
    """The newest first."""
    with db.session(campaign_db):
        return list(ApiToken.select().where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc()))


def create_token(user_id: int, name: str, scopes: Collection[str]) -> tuple[ApiToken, str]:
    """A new one, and the token itself, which nobody can show again. Raises Invalid, and Conflict beyond MOST."""
    name, errors = name.strip(), {}
    if not 0 < len(name) <= 80:
        errors["name"] = "Say in up to 80 characters what it is for."
    if not scopes or set(scopes) - set(SCOPES):
        errors["scopes"] = "Choose what it may do."
    if errors:
        raise Invalid(errors)
    token = PREFIX + secrets.token_urlsafe(32)
    values = {"name": name, "digest": _digest(token), "ending": token[-4:]}
    values["scopes"] = " ".join(scope for scope in SCOPES if scope in scopes)
    with db.session(campaign_db):
        if ApiToken.select().where(ApiToken.user_id == user_id).count() >= MOST:
            raise Conflict(f"You have {MOST} tokens. Revoke one that is not used any more.")
        return ApiToken.create(user_id=user_id, created_at=db.now(campaign_db), **values), token


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def revoke(user_id: int, token_id: int) -> str:
    """From now on nobody gets in by it; returns its name. Raises NotFound."""
    mine = (ApiToken.id == token_id) & (ApiToken.user_id == user_id)
    with db.session(campaign_db):
        found = ApiToken.get_or_none(mine)
        if found is None or not ApiToken.delete().where(mine).execute():
            raise NotFound("No such token.")
    return found.name


def enter(token: str, calls: int) -> ApiToken:
    """Whose token this is; the call is counted, of which `calls` are allowed each minute, by all processes together.

    Raises Unknown, also for users who may not sign in, and TooMany.
    """
    with db.session(campaign_db):
        owner = (User.id == ApiToken.user_id) & User.is_active
        found = ApiToken.select().join(User, on=owner).where(ApiToken.digest == _digest(token)).first()
        if found is None:
            raise Unknown
        now = db.now(campaign_db)
        if not (_count(found, now, calls) or _begin_minute(found, now) or _count(found, now, calls)):
            raise TooMany(-(-(MINUTE - now % MINUTE) // 1000))
    return found


def _count(token: ApiToken, now: int, calls: int) -> bool:
    """Conditional, so that no two calls take the same place."""
    same = (ApiToken.id == token.id) & (ApiToken.minute == now - now % MINUTE) & (ApiToken.calls < calls)
    return bool(ApiToken.update(calls=ApiToken.calls + 1, used_at=now).where(same).execute())


def _begin_minute(token: ApiToken, now: int) -> bool:
    minute = now - now % MINUTE
    other = (ApiToken.id == token.id) & (ApiToken.minute < minute)
    return bool(ApiToken.update(minute=minute, calls=1, used_at=now).where(other).execute())
