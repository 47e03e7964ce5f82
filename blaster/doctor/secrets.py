"""What is encrypted at rest: is it, and do our keys open it?"""

from collections import Counter
from collections.abc import Iterator

from blaster import db, vault
from blaster.db import crm_db
from blaster.doctor import Finding, Patient, fault, needs
from blaster.models.bounces import Mailbox
from blaster.models.crm_db import SmtpAccount
from blaster.rotation import SECRETS

_TYPED = (SmtpAccount.password, Mailbox.password)  # what somebody may have inserted with SQL


def _stored(column) -> list[tuple[int, str]]:
    model = column.model
    with db.session(model._meta.database):
        return list(model.select(model._meta.primary_key, column).where(column > "").tuples())


@needs("Server 2")
def plain(patient: Patient) -> Iterator[Finding]:
    """Passwords that the guide's SQL inserted in the clear."""
    for column in _TYPED:
        for row_id, stored in _stored(column):
            if not vault.is_encrypted(stored):
                yield fault(
                    "password-plain",
                    f"{column.model._meta.table_name} {row_id}",
                    "Its password lies in the clear.",
                    "Every dump, backup and query log shows it.",
                    "Run the doctor with --fix: it encrypts it.",
                    fix=lambda c=column, i=row_id, s=stored: _encrypt(c, i, s),
                )


def _encrypt(column, row_id: int, stored: str) -> None:
    model = column.model
    same = (model._meta.primary_key == row_id) & (column == stored)  # nobody changed it meanwhile
    secret = vault.encrypt(stored)
    db.transaction(crm_db, lambda: model.update({column: secret}).where(same).execute())


@needs("Server 1", "Server 2")
def locked(patient: Patient) -> Iterator[Finding]:
    """Secrets that none of our keys opens."""
    closed: Counter = Counter()
    for column in SECRETS:
        closed[column.model._meta.table_name] += sum(_is_locked(stored) for _, stored in _stored(column))
    for table, number in closed.items():
        if number:
            yield fault(
                "key-does-not-open",
                table,
                f"{number} secrets were encrypted with a key that is not here.",
                "Accounts and mailboxes cannot sign in, mails cannot be signed.",
                "Put the old vault.key back, or append its key to BLASTER_VAULT_KEYS; else enter the passwords anew.",
            )


def _is_locked(stored: str) -> bool:
    try:
        vault.decrypt(stored)
    except vault.Locked:
        return True
    return False


CHECKS = (plain, locked)
