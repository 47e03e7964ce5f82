"""How often a password may be guessed: counted by name and by client, in the database, for all web processes together.

A name is counted whether anybody has it or not: neither what the page says nor when may tell who has an account.
"""

import hashlib
import ipaddress

from blaster import addresses, db
from blaster.db import campaign_db
from blaster.models.login_attempts import LoginAttempt

MINUTE = 60_000
WINDOW = 15 * MINUTE
MOST_BY_NAME = 5
MOST_BY_CLIENT = 20  # an office shares one address


class TooMany(Exception):
    """Not now, even with the right password. `seconds`: how long to wait; `str(error)` says it in words."""

    def __init__(self, wait: int):
        minutes = -(-wait // MINUTE)
        self.seconds = -(-wait // 1000)
        span = "a minute" if minutes == 1 else f"{minutes} minutes"
        super().__init__(f"Too many wrong passwords. Wait {span}, then try again.")


def begin(email: str, client: str) -> LoginAttempt:
    """Count an attempt before the password is looked at: however many come at once, no more than the limit are tried.
    `client`: its IP address. Raises TooMany."""
    values = {"name": _name(email), "client": _client(client)}
    attempt = db.transaction(campaign_db, lambda: _note(values))
    wait = db.transaction(campaign_db, lambda: _wait(attempt))
    if wait > 0:
        _take_back(LoginAttempt.id == attempt.id)  # or trying again would make the wait longer
        raise TooMany(wait)
    return attempt


def succeed(attempt: LoginAttempt) -> None:
    """The password was right: the name starts anew. The client's other attempts stay, for they were at other names."""
    _take_back(LoginAttempt.name == attempt.name)


def _name(email: str) -> str:
    try:
        key = addresses.normalise(email)[1]
    except ValueError:
        key = email.strip().lower()
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _client(address: str) -> str:
    """One address, or the /64 network that a customer gets under IPv6. Empty for this machine: a proxy that runs here
    brings everybody."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if parsed.is_loopback:
        return ""
    return str(parsed) if parsed.version == 4 else str(ipaddress.ip_network((int(parsed), 64), strict=False)[0])


def _note(values: dict) -> LoginAttempt:
    now = db.now(campaign_db)
    LoginAttempt.delete().where(LoginAttempt.at <= now - WINDOW).execute()
    return LoginAttempt.create(**values, at=now)


def _wait(attempt: LoginAttempt) -> int:
    """Milliseconds until there are few enough; 0 or less: there are."""
    by_name = _free_at(LoginAttempt.name == attempt.name, MOST_BY_NAME, attempt)
    by_client = _free_at(LoginAttempt.client == attempt.client, MOST_BY_CLIENT, attempt) if attempt.client else 0
    return max(by_name, by_client) - attempt.at


def _free_at(same, most: int, attempt: LoginAttempt) -> int:
    """When fewer than `most` of the others are left; 0: now."""
    others = LoginAttempt.select(LoginAttempt.at).where(same & (LoginAttempt.id != attempt.id))
    counting = others.where(LoginAttempt.at > attempt.at - WINDOW).order_by(LoginAttempt.at.desc())
    last = counting.offset(most - 1).limit(1).scalar()
    return last + WINDOW if last else 0


def _take_back(which) -> None:
    db.transaction(campaign_db, LoginAttempt.delete().where(which).execute)
