"""What is known about an account's provider: tokens of consent, and what the DNS said. Server 2."""

from peewee import BigIntegerField, CharField, Model

from blaster.models.crm_db import CrmModel
from blaster.models.fields import Instant, LongText, Word, default


class Token(Model):
    """The owner's consent in place of a password: columns of two tables. Both tokens are encrypted by the vault."""

    user_id = BigIntegerField()
    provider = Word()
    access = LongText()
    refresh = LongText()
    expires_at = Instant()
    busy_until = Instant(**default(0))  # until then one process alone renews it
    trouble = CharField(300, **default(""))  # the provider's words where the consent has ended


class OauthToken(CrmModel, Token):
    """For an SMTP account."""

    smtp_account_id = BigIntegerField(primary_key=True)

    class Meta:
        table_name = "oauth_tokens"
        indexes = ((("expires_at",), False),)


class MailboxToken(CrmModel, Token):
    """For a mailbox."""

    mailbox_id = BigIntegerField(primary_key=True)

    class Meta:
        table_name = "mailbox_tokens"


class DomainCheck(CrmModel):
    """The last look at the records of an account's domain."""

    smtp_account_id = BigIntegerField(primary_key=True)
    user_id = BigIntegerField()
    domain = CharField(255)
    selectors = CharField(255, **default(""))  # of DKIM, separated by blanks
    checked_at = Instant()
    findings = LongText()  # JSON

    class Meta:
        table_name = "domain_checks"


TABLES = (OauthToken, MailboxToken, DomainCheck)
