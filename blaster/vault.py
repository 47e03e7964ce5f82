"""Encrypts SMTP passwords at rest. The keys live outside the database; the first one encrypts, all of them decrypt."""

import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

_PREFIX = "vault1:"
_box: MultiFernet | None = None
_newest: Fernet | None = None
_keys: tuple[bytes, ...] = ()


class Locked(Exception):
    """The key that encrypted this value is not among ours."""


def unlock(keys: tuple[str, ...]) -> None:
    """Use these keys (url-safe base64, 32 bytes each) from now on in this process."""
    global _box, _newest, _keys
    boxes = [Fernet(key) for key in keys]
    _box, _newest = MultiFernet(boxes), boxes[0]
    _keys = tuple(key.encode() for key in keys)


def encrypt(secret: str) -> str:
    """The value as it may be stored."""
    return _PREFIX + _box.encrypt(secret.encode()).decode()


def decrypt(stored: str) -> str:
    """The secret. A value that was stored in the clear (by the guide's SQL) comes back as it is. Raises Locked."""
    if not is_encrypted(stored):
        return stored
    try:
        return _box.decrypt(stored.removeprefix(_PREFIX)).decode()
    except InvalidToken as error:
        raise Locked("A stored password cannot be read with the keys of this installation.") from error


def is_encrypted(stored: str) -> bool:
    """False for a value that still lies in the clear."""
    return stored.startswith(_PREFIX)


def is_current(stored: str) -> bool:
    """Encrypted, and with the first key."""
    try:
        return is_encrypted(stored) and _newest.decrypt(stored.removeprefix(_PREFIX)) is not None
    except InvalidToken:
        return False


def rotate(stored: str) -> str:
    """The same secret under the first key."""
    return encrypt(decrypt(stored))


def fingerprints(text: str) -> list[str]:
    """Hashes of a text that nobody can guess it from without our keys, one by each key; the first one is to be kept."""
    return [hmac.new(key, text.encode(), hashlib.sha256).hexdigest() for key in _keys]
