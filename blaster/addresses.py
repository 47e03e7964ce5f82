"""E-mail addresses: the form we store and show, and the key that finds the same address again."""

import re
import unicodedata
from functools import lru_cache

from email_validator import validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

LONGEST = 254  # RFC 5321 4.5.3.1.3

_INVISIBLE = "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_EDGE = " \t\u00a0\u2007\u202f\u3000" + _INVISIBLE
_ATOM = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+"
_LABEL = r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
# What nearly every address looks like. The rest goes to email-validator: quotes, other alphabets, "--" in a domain.
_PLAIN = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@({_LABEL}(?:\.{_LABEL})+)").fullmatch
_ROLES = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)


def normalise(text: str) -> tuple[str, str]:
    """The address (NFC, domain in lower case) and its key (all in lower case, domain as A-labels).

    Blanks and invisible characters around it are dropped; a line break is refused, as it might end up in a header.
    Raises ValueError with a sentence. Plain ASCII addresses do not pass through email-validator, which costs 40 us; a
    test keeps both in agreement.
    """
    text = text.strip(_EDGE)
    match = _PLAIN(text)
    if match and len(text) <= LONGEST:
        local, domain = match.groups()
        domain = domain.lower()
        key = local.lower()
        if len(local) <= 64 and _is_domain(domain):
            return f"{key if key in _ROLES else local}@{domain}", f"{key}@{domain}"
    return _validated(text)


@lru_cache(maxsize=20_000)
def _is_domain(domain: str) -> bool:
    try:
        _validated(f"a@{domain}")
    except ValueError:
        return False
    return True


def _validated(text: str) -> tuple[str, str]:
    if len(text) > 4 * LONGEST:
        raise ValueError(f"An e-mail address has at most {LONGEST} characters.")
    found = validate_email(text, check_deliverability=False, strict=True)
    key = unicodedata.normalize("NFC", found.local_part.casefold())
    return found.normalized, f"{key}@{found.ascii_domain}"


def domain_key(key: str) -> str:
    """What stands for all addresses of a key's domain: `@example.com`."""
    return "@" + key.rpartition("@")[2]


def masked(address: str) -> str:
    """Enough for its owner to know it by, and for nobody else to write to: z•••@example.com"""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}" if local else address
