"""People who sign in: each owns servers, lists and campaigns; an admin also sees how the installation fares."""

import re
from collections.abc import Callable

from peewee import IntegrityError

from blaster import addresses, db, password_links, passwords, sessions, trial, zones
from blaster.db import campaign_db
from blaster.errors import Invalid, NotFound
from blaster.models.campaign_db import User
from blaster.models.sign_in import PasswordLink

_TAG = re.compile(r"\{[{%]")
ROLES = ("user", "admin")
_TAKEN = "There is a user with this address already."


def create(email: str, name: str, password: str | None, *, role: str = "user", is_trial: bool = False) -> User:
    """A new user (role `user` or `admin`), stored under the key of the address; on trial: see `blaster.trial`. Without
    a password nobody can sign in until a link has set one (`blaster.password_links`). Raises Invalid."""
    row = {
        "email": _key(email),
        "name": name.strip()[:120],
        "password_hash": "" if password is None else _hash(password, name, email),
        "role": role,
        "is_trial": is_trial,
    }

    def work():
        known = User.get_or_none(User.email == row["email"])
        if known and (not password or known.password_hash != row["password_hash"]):
            raise Invalid({"email": _TAKEN})
        return known or User.create(**row, created_at=db.now(campaign_db))

    try:
        return db.transaction(campaign_db, work)
    except IntegrityError as error:
        raise Invalid({"email": _TAKEN}) from error


def _key(email: str) -> str:
    try:
        return addresses.normalise(email)[1]
    except ValueError as error:
        raise Invalid({"email": str(error)}) from error


def _hash(password: str, *own: str) -> str:
    if trouble := passwords.trouble_with(password, own):
        raise Invalid({"password": trouble})
    return passwords.hashed(password)


def find(user_id: int) -> User | None:
    """The user of this id, if there is one."""
    with db.session(campaign_db):
        return User.get_or_none(User.id == user_id)


def get(user_id: int) -> User:
    """Raises NotFound."""
    user = find(user_id)
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


def search(words: str = "", *, after: int = 0, limit: int = 50) -> list[User]:
    """Those with this in their address or name, from the id `after` on."""
    query = User.select().where(User.id > after).order_by(User.id).limit(limit)
    with db.session(campaign_db):
        return list(query.where(User.email.contains(words.lower()) | User.name.contains(words)) if words else query)


def authenticate(email: str, password: str) -> User | None:
    """The user if the password is right and the user is active."""
    user = by_email(email)
    right = passwords.is_right(user.password_hash if user else "", password)
    return user if user and right and user.is_active else None


def is_password(user_id: int, password: str) -> bool:
    """The user's own, entered once more. Raises NotFound."""
    return passwords.is_right(get(user_id).password_hash, password)


def edit_profile(user_id: int, *, name: str, time_zone: str) -> None:
    """What the user is called, and the zone of the times that pages show. Raises Invalid, NotFound."""
    if not zones.is_known(time_zone):
        raise Invalid({"time_zone": "Choose a time zone of the list."})
    _update(user_id, name=name.strip()[:120], time_zone=time_zone)


def edit(user_id: int, *, role: str, most_campaigns: str, most_recipients: str) -> None:
    """For administrators: what the user may; the quotas as typed, 0 or empty for none. Raises Invalid, NotFound."""
    errors: dict[str, str] = {}
    numbers = {"most_campaigns": most_campaigns, "most_recipients": most_recipients}
    values = {name: _quota(name, str(typed).strip(), errors) for name, typed in numbers.items()}
    if role not in ROLES:
        errors["role"] = "Choose a role of the list."
    if errors:
        raise Invalid(errors)
    _update(user_id, role=role, **values)


def _quota(name: str, typed: str, errors: dict[str, str]) -> int:
    if typed and not (typed.isascii() and typed.isdigit() and len(typed) < 10):
        errors[name] = "Enter a whole number up to 999,999,999; 0 for no limit."
        return 0
    return int(typed or 0)


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


def edit_email(user_id: int, email: str) -> None:
    """Sign in with another address from now on; all sessions and links of the user end. Raises Invalid, NotFound."""
    key = _key(email)
    user = get(user_id)
    if user.is_trial and key != user.email and key not in trial.allowed(user_id):
        raise Invalid({"email": "While you are on trial, this has to be an address that you have verified."})
    try:
        _close_and_update(user_id, lambda: password_links.void(user_id), email=key)
    except IntegrityError as error:
        raise Invalid({"email": _TAKEN}) from error


def set_password(user_id: int, password: str) -> None:
    """Change the password and end all sessions and links of the user. Raises Invalid, NotFound."""
    _set_password(user_id, password, lambda: password_links.void(user_id))


def set_password_by(link: PasswordLink, password: str) -> None:
    """The same by a link, which is used up by it. Raises Invalid, NotFound."""
    _set_password(link.user_id, password, lambda: password_links.use(link))


def _set_password(user_id: int, password: str, end_links: Callable) -> None:
    user = get(user_id)
    _close_and_update(user_id, end_links, password_hash=_hash(password, user.name, user.email))


def set_active(user_id: int, active: bool) -> None:
    """Let the user in or keep them out; either way all their sessions end. Raises NotFound."""
    _close_and_update(user_id, is_active=active)


def _close_and_update(user_id: int, end_links: Callable | None = None, **values) -> None:
    def work():
        if end_links:
            end_links()
        _update(user_id, **values)  # first, as signing in does: nobody gets in between by what was right before
        sessions.end_all(user_id)

    db.transaction(campaign_db, work)


def _update(user_id: int, **values) -> None:
    with db.session(campaign_db):
        if not User.update(**values).where(User.id == user_id).execute():
            raise NotFound("No such user.")
