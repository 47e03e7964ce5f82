"""People who sign in: each owns servers, lists and campaigns; an admin also sees how the installation fares."""

import re
import secrets

from peewee import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from blaster import addresses, db, zones
from blaster.db import campaign_db
from blaster.errors import Invalid, NotFound
from blaster.models.campaign_db import User

SHORTEST_PASSWORD = 10
_TAG = re.compile(r"\{[{%]")

# Checked for unknown names too: the time of the answer must not tell who has an account.
_NOBODY = generate_password_hash(secrets.token_urlsafe())


def create(email: str, name: str, password: str, *, role: str = "user", is_trial: bool = False) -> User:
    """A new user (role `user` or `admin`), stored under the key of the address; on trial: see `blaster.trial`.
    Raises Invalid."""
    row = {
        "email": _key(email),
        "name": name.strip()[:120],
        "password_hash": _hash(password),
        "role": role,
        "is_trial": is_trial,
        "session_token": secrets.token_urlsafe(32),
    }

    def work():
        known = User.get_or_none(User.email == row["email"])
        if known and known.session_token != row["session_token"]:
            raise Invalid({"email": "There is a user with this address already."})
        return known or User.create(**row, created_at=db.now(campaign_db))

    try:
        return db.transaction(campaign_db, work)
    except IntegrityError as error:
        raise Invalid({"email": "There is a user with this address already."}) from error


def _key(email: str) -> str:
    try:
        return addresses.normalise(email)[1]
    except ValueError as error:
        raise Invalid({"email": str(error)}) from error


def _hash(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid({"password": f"A password has at least {SHORTEST_PASSWORD} characters."})
    return generate_password_hash(password)


def get(user_id: int) -> User:
    """Raises NotFound."""
    with db.session(campaign_db):
        user = User.get_or_none(User.id == user_id)
    if user is None:
        raise NotFound("No such user.")
    return user


def by_email(email: str) -> User | None:
    """The user who signs in with this address, however it is spelled."""
    try:
        key = addresses.normalise(email)[1]
    except ValueError:
        return None
    with db.session(campaign_db):
        return User.get_or_none(User.email == key)


def list_all() -> list[User]:
    """Everybody, the oldest first."""
    with db.session(campaign_db):
        return list(User.select().order_by(User.id))


def authenticate(email: str, password: str) -> User | None:
    """The user if the password is right and the user is active."""
    user = by_email(email)
    right = check_password_hash(user.password_hash if user else _NOBODY, password)
    return user if user and right and user.is_active else None


def edit_profile(user_id: int, *, name: str, time_zone: str) -> None:
    """What the user is called, and the zone of the times that pages show. Raises Invalid, NotFound."""
    if not zones.is_known(time_zone):
        raise Invalid({"time_zone": "Choose a time zone of the list."})
    _update(user_id, name=name.strip()[:120], time_zone=time_zone)


def edit_sender(user_id: int, *, organisation: str, postal_address: str) -> None:
    """Who sends and from where, as the footer of each mail says it. Raises Invalid, NotFound."""
    lines = (line.strip() for line in postal_address.splitlines())
    values = {"organisation": organisation.strip(), "postal_address": "\n".join(filter(None, lines))}
    errors = {}
    for field, longest in (("organisation", 120), ("postal_address", 500)):
        if len(values[field]) > longest:
            errors[field] = f"At most {longest} characters have room in a footer."
        if _TAG.search(values[field]) or not values[field].replace("\n", "").isprintable():
            errors[field] = "Merge tags and control characters cannot be used here."
    if errors:
        raise Invalid(errors)
    _update(user_id, **values)


def set_password(user_id: int, password: str) -> None:
    """Change the password and end all sessions of the user. Raises Invalid, NotFound."""
    _update(user_id, password_hash=_hash(password), session_token=secrets.token_urlsafe(32))


def set_active(user_id: int, active: bool) -> None:
    """Let the user in or keep them out; either way all their sessions end. Raises NotFound."""
    _update(user_id, is_active=active, session_token=secrets.token_urlsafe(32))


def _update(user_id: int, **values) -> None:
    with db.session(campaign_db):
        if not User.update(**values).where(User.id == user_id).execute():
            raise NotFound("No such user.")


def new_password() -> str:
    """A password to print once: 79 random bits in groups that can be typed."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))
