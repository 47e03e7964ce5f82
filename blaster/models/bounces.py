"""Server 2: mailboxes that bounces come to, what was found there, and what it means for campaigns and domains."""

from peewee import BigIntegerField, BooleanField, CharField, CompositeKey, IntegerField

from blaster.models.crm_db import CrmModel
from blaster.models.fields import Id, Instant, KeyText, LongText, Word, default


class Mailbox(CrmModel):
    id = Id()
    user_id = BigIntegerField(index=True)
    kind = Word(**default("imap"))  # imap | pop3
    host = CharField(255)
    port = IntegerField(**default(993))
    encryption = Word(**default("tls"))  # none | starttls | tls
    login = CharField(254)
    password = LongText(null=True)  # encrypted by the vault
    auth = Word(**default("password"))  # password | google | microsoft: the provider that consent was given to
    folder = CharField(120, **default("INBOX"))
    deletes = BooleanField(**default(False))  # POP3: what was read goes from the server
    is_active = BooleanField(**default(True))
    validity = BigIntegerField(**default(0))  # IMAP: UIDs count within this (RFC 3501 section 2.3.1.1)
    last_uid = BigIntegerField(**default(0))
    read_at = Instant(**default(0))  # when it was last read without an error
    tried_at = Instant(**default(0))
    last_error = CharField(300, **default(""))
    mails = IntegerField(**default(0))  # read so far
    created_at = Instant(**default(0))

    class Meta:
        table_name = "mailboxes"


class MailboxMail(CrmModel):
    """POP3 has no marks: the unique ids (RFC 1939 section 7) of mails that stayed on the server and were read."""

    mailbox_id = BigIntegerField()
    uidl = KeyText()

    class Meta:
        table_name = "mailbox_mails"
        primary_key = CompositeKey("mailbox_id", "uidl")


class Bounce(CrmModel):
    """One report about one mail. `mail_id` is null where no token of it could be verified: then it changed nothing."""

    id = Id()
    user_id = BigIntegerField()
    mailbox_id = BigIntegerField(null=True)
    digest = CharField(64)  # of the report and the mail it is about: the same report is recorded once
    mail_id = BigIntegerField(null=True)
    campaign_id = BigIntegerField(null=True)
    email = CharField(254, **default(""))
    email_key = KeyText(**default(""))
    kind = Word()  # bounce | complaint
    bounce_class = Word()  # of mail.bounces.CLASSES, or `complaint`
    status = CharField(12, **default(""))
    diagnostic = CharField(300, **default(""))
    action = Word(**default(""))  # suppressed: what it led to
    created_at = Instant(**default(0))

    class Meta:
        table_name = "bounces"
        indexes = (
            (("user_id", "digest"), True),
            (("user_id", "email_key", "id"), False),
            (("campaign_id", "id"), False),
            (("mail_id",), False),
        )


class CampaignBounces(CrmModel):
    """Counters of a campaign: bounces by class, and complaints."""

    campaign_id = BigIntegerField(primary_key=True)
    user_id = BigIntegerField()
    hard = IntegerField(**default(0))
    disabled = IntegerField(**default(0))
    quota = IntegerField(**default(0))
    soft = IntegerField(**default(0))
    block = IntegerField(**default(0))
    message = IntegerField(**default(0))
    complaint = IntegerField(**default(0))

    class Meta:
        table_name = "campaign_bounces"


class CampaignGuard(CrmModel):
    """What the guard rails know of a campaign. base_*: the counts when its owner said that it shall go on."""

    campaign_id = BigIntegerField(primary_key=True)
    user_id = BigIntegerField()
    refused = IntegerField(**default(0))  # rows that a server refused as hard while they were sent
    failed = IntegerField(**default(0))  # failed rows of any class when `refused` was counted
    held_for = Word(**default(""))  # hard | complaint: it was paused for that, and waits for its owner's word
    base_tried = IntegerField(**default(0))
    base_hard = IntegerField(**default(0))
    base_complaints = IntegerField(**default(0))
    looked_to = Instant(**default(0))  # refused rows were searched for blocks up to here …
    counted_to = Instant(**default(0))  # … and sent rows counted by provider

    class Meta:
        table_name = "campaign_guard"


class DomainPause(CrmModel):
    """A receiving domain that refuses mail of a user as unwanted: nothing is sent there `until` then."""

    user_id = BigIntegerField()
    domain = KeyText()
    refusals = IntegerField(**default(0))  # in the hour that began at `since`
    since = Instant(**default(0))
    until = Instant(**default(0))
    times = IntegerField(**default(0))  # that it had to rest, in a row
    reason = CharField(300, **default(""))

    class Meta:
        table_name = "domain_pauses"
        primary_key = CompositeKey("user_id", "domain")


class ProviderCount(CrmModel):
    """Mails sent to a big mailbox provider, by domain of the sender and day (UTC)."""

    user_id = BigIntegerField()
    from_domain = KeyText()
    provider = Word()  # gmail | microsoft | yahoo
    day = IntegerField()  # since 1970
    mails = IntegerField(**default(0))

    class Meta:
        table_name = "provider_counts"
        primary_key = CompositeKey("user_id", "from_domain", "provider", "day")


TABLES = (Mailbox, MailboxMail, Bounce, CampaignBounces, CampaignGuard, DomainPause, ProviderCount)
