"""What a password must be, and its hash. Pure.

Length counts most (NIST SP 800-63B section 3.1.1): no rule asks for signs of some kind, and nothing runs out.
"""

import secrets
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from werkzeug.security import check_password_hash, generate_password_hash

SHORTEST, LONGEST = 12, 200
FEWEST = 6  # different signs beside what everybody tries first
METHOD = "scrypt"  # 32 MB and about 50 ms a guess

_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm")
_LOOK_ALIKE = str.maketrans("0134578@$!", "oieastbasi")


def hashed(password: str) -> str:
    """As it may be stored."""
    return generate_password_hash(password, METHOD)


# Verified where there is no user: the time of the answer must not tell who has an account.
NOBODY = hashed(secrets.token_urlsafe())


def is_right(stored: str, password: str) -> bool:
    """Takes its 50 ms whatever the answer."""
    return check_password_hash(stored or NOBODY, password)


def trouble_with(password: str, own: Iterable[str] = ()) -> str:
    """Why this cannot be a password, in words; empty where it can. `own`: the name and the address of its user."""
    if len(password) < SHORTEST:
        return f"A password has at least {SHORTEST} characters. A few words that do not belong together do well."
    if len(password) > LONGEST:
        return f"A password has at most {LONGEST} characters."
    if len(set(_rest(password, _parts(own)))) < FEWEST:
        return "This would be guessed soon: it is little more than common words, rows of keys, or your own name."
    return ""


def _rest(password: str, own: list[str]) -> str:
    """What is left of it without all that a guesser tries first."""
    rest = password.casefold()
    for word in sorted({*own, *_common()}, key=len, reverse=True):
        rest = rest.replace(word, " ")
        if word in (plain := rest.translate(_LOOK_ALIKE)):
            rest = plain.replace(word, " ")
    return "".join(rest.split())


def _parts(own: Iterable[str]) -> list[str]:
    words = " ".join(own).casefold()
    for sign in "@.-_+,":
        words = words.replace(sign, " ")
    return [word for word in words.split() if len(word) > 2]


@cache
def _common() -> frozenset[str]:
    lines = Path(__file__).with_name("common_passwords.txt").read_text("utf-8").splitlines()
    words = {word for line in lines if not line.startswith("#") for word in line.split()}
    runs = {
        row[at : at + size] for row in _ROWS for size in range(4, len(row) + 1) for at in range(len(row) - size + 1)
    }
    return frozenset(words | runs | {run[::-1] for run in runs})


def made_up() -> str:
    """A password to print once: 79 random bits in groups that can be typed."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))
