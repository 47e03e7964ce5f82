"""All stored secrets under the newest key of the vault, a few hundred at a time, while everything runs."""

from collections.abc import Iterator

from blaster import db, vault
from blaster.models.bounces import Mailbox
from blaster.models.crm_db import SmtpAccount
from blaster.models.dkim import DkimKey
from blaster.models.providers import MailboxToken, OauthToken
from blaster.models.sign_in import SecondFactor
from blaster.models.webhooks import Webhook

# Every column that the vault encrypts: a test looks for others.
SECRETS = (
    SmtpAccount.password,
    Mailbox.password,
    OauthToken.access,
    OauthToken.refresh,
    MailboxToken.access,
    MailboxToken.refresh,
    DkimKey.private_key,
    Webhook.secret,
    Webhook.old_secret,
    SecondFactor.secret,
)
_CHUNK = 500


def rotate() -> Iterator[tuple[str, int, int]]:
    """For each column: its name, how many secrets were encrypted anew, and how many none of our keys opens. Passwords
    that lie in the clear are encrypted, too. May be broken off and run again; all processes must have the new key."""
    for column in SECRETS:
        done = locked = last = 0
        while rows := _rows(column, last):
            last = rows[-1][0]
            for row_id, stored in rows:
                if not vault.is_current(stored):
                    try:
                        done += _replace(column, row_id, stored, vault.rotate(stored))
                    except vault.Locked:
                        locked += 1
        yield f"{column.model._meta.table_name}.{column.column_name}", done, locked


def _rows(column, after: int) -> list[tuple[int, str]]:
    model = column.model
    key = model._meta.primary_key
    with db.session(model._meta.database):
        query = model.select(key, column).where((key > after) & (column > "")).order_by(key)
        return list(query.limit(_CHUNK).tuples())


def _replace(column, row_id: int, stored: str, secret: str) -> int:
    """Unless somebody has changed it meanwhile: then it is under the newest key already."""
    model = column.model
    same = (model._meta.primary_key == row_id) & (column == stored)
    return db.transaction(model._meta.database, model.update({column: secret}).where(same).execute)
