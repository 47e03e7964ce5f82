"""Codes of an authenticator app beside the password (TOTP, RFC 6238), and recovery codes for whoever lost the phone."""

import hashlib
import hmac

import pyotp

from blaster import db, passwords, vault
from blaster.db import campaign_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.models.sign_in import RecoveryCode, SecondFactor

STEP = 30_000  # ms that a code stands for
DRIFT = 1  # steps that the phone's clock may be off
CODES = 10  # recovery codes
_WRONG = "This is not the code of this half minute. Look again, and check the clock of your phone."


def is_on(user_id: int) -> bool:
    """A code is asked for at sign-in."""
    return bool(_confirmed(user_id))


def _confirmed(user_id: int) -> SecondFactor | None:
    found = _get(user_id)
    return found if found and found.confirmed_at else None


def _get(user_id: int) -> SecondFactor | None:
    with db.session(campaign_db):
        return SecondFactor.get_or_none(SecondFactor.user_id == user_id)


def drawn(user_id: int) -> str:
    """The secret (base32) for an app, the same until a code of it was seen. Raises Conflict from then on: it is never
    shown again."""

    def work():
        columns = (SecondFactor.user_id, SecondFactor.secret)
        db.insert_new(SecondFactor, columns, [(user_id, vault.encrypt(pyotp.random_base32()))])
        return SecondFactor.get_by_id(user_id)

    found = db.transaction(campaign_db, work)
    if found.confirmed_at:
        raise Conflict("You have a second factor already. Take it off first.")
    return vault.decrypt(found.secret)


def address(secret: str, email: str) -> str:
    """What the app reads from the QR code (otpauth URI)."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Blaster")


def confirm(user_id: int, code: str) -> list[str]:
    """From now on a code is asked for at sign-in; returns the recovery codes. Raises Invalid, Conflict."""
    drawn(user_id)
    if not _is_current(user_id, code):
        raise Invalid({"code": _WRONG})

    def work():
        SecondFactor.update(confirmed_at=db.now(campaign_db)).where(SecondFactor.user_id == user_id).execute()

    db.transaction(campaign_db, work)
    return new_codes(user_id)


def new_codes(user_id: int) -> list[str]:
    """Recovery codes in place of the old ones. Only their hashes are kept."""
    codes = [passwords.made_up() for _ in range(CODES)]

    def work():
        RecoveryCode.delete().where(RecoveryCode.user_id == user_id).execute()
        rows = [(user_id, _hash(user_id, code)) for code in codes]
        db.insert(RecoveryCode, (RecoveryCode.user_id, RecoveryCode.code_hash), rows)

    db.transaction(campaign_db, work)
    return codes


def codes_left(user_id: int) -> int:
    """Recovery codes that were not used."""
    with db.session(campaign_db):
        return RecoveryCode.select().where((RecoveryCode.user_id == user_id) & (RecoveryCode.used_at == 0)).count()


def is_right(user_id: int, code: str) -> bool:
    """A code of the app or a recovery code, either of them taken once."""
    return bool(_confirmed(user_id)) and (_is_current(user_id, code) or _use(user_id, code))


def _is_current(user_id: int, code: str) -> bool:
    """Whoever looked over a shoulder, or kept the request, comes too late: the step moves on with the answer."""
    code = "".join(code.split())
    if not (code.isascii() and code.isdigit() and len(code) == 6):
        return False
    try:
        step = _step(vault.decrypt(_get(user_id).secret), code)
    except vault.Locked:  # the key is gone: recovery codes still open
        return False

    def work():
        is_new = (SecondFactor.user_id == user_id) & (SecondFactor.last_step < step)
        return SecondFactor.update(last_step=step).where(is_new).execute()

    return bool(step) and bool(db.transaction(campaign_db, work))


def _step(secret: str, code: str) -> int:
    """The half minute that this is the code of; 0: none near."""
    with db.session(campaign_db):
        now = db.now(campaign_db) // STEP
    made = pyotp.TOTP(secret)
    near = range(now - DRIFT, now + DRIFT + 1)
    return next((step for step in near if hmac.compare_digest(made.generate_otp(step), code)), 0)


def _use(user_id: int, code: str) -> bool:
    def work():
        same = (RecoveryCode.user_id == user_id) & (RecoveryCode.code_hash == _hash(user_id, code))
        unused = same & (RecoveryCode.used_at == 0)
        return RecoveryCode.update(used_at=db.now(campaign_db)).where(unused).execute()

    return bool(db.transaction(campaign_db, work))


def _hash(user_id: int, code: str) -> str:
    """79 random bits need no slow hash. Blanks, hyphens and capitals do not count."""
    plain = "".join(sign for sign in code.casefold() if sign.isalnum())
    return hashlib.sha256(f"{user_id} {plain}".encode("utf-8", "replace")).hexdigest()


def remove(user_id: int) -> None:
    """The password alone opens again. Raises NotFound where there is nothing to take off."""

    def work():
        RecoveryCode.delete().where(RecoveryCode.user_id == user_id).execute()
        if not SecondFactor.delete().where(SecondFactor.user_id == user_id).execute():
            raise NotFound("No second factor.")

    db.transaction(campaign_db, work)
