"""Server 2: the keys that users sign their mails with."""

from peewee import BigIntegerField, BooleanField

from blaster.models.crm_db import CrmModel
from blaster.models.fields import Id, Instant, KeyText, LongText, Word, default


class DkimKey(CrmModel):
    """A private key for the mails from a domain, and whether the DNS shows its public half."""

    id = Id()
    user_id = BigIntegerField()
    domain = KeyText()
    selector = KeyText()
    private_key = LongText()  # PEM, encrypted by the vault
    record = LongText()  # what is to be published
    verdict = Word(**default(""))  # published | missing | wrong, as last seen; empty: never looked up
    checked_at = Instant(**default(0))
    insists = BooleanField(**default(False))  # signs whatever the DNS says: its owner knows better
    created_at = Instant(**default(0))
    lost_at = Instant(**default(0))  # since when the record that was published is gone or another; 0: it is not

    class Meta:
        table_name = "dkim_keys"
        indexes = ((("user_id", "domain", "selector"), True),)


TABLES = (DkimKey,)
