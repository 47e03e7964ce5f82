"""Server 2, "crm": what the workers use. Names of tables and columns are those of the operator's guide."""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    IntegerField,
    Model,
    SmallIntegerField,
)

from blaster.db import crm_db
from blaster.models.fields import Id, Instant, KeyText, LongText, Word, default


class CrmModel(Model):
    class Meta:
        database = crm_db
        legacy_table_names = False


class SmtpServer(CrmModel):
    id = Id()
    user_id = BigIntegerField(index=True)
    name = CharField(120, **default(""))
    host = CharField(255)
    port = IntegerField(**default(587))
    encryption = Word(**default("tls"))  # none | starttls | tls (on port 587, as in the guide, tls means STARTTLS)
    max_connections = SmallIntegerField(**default(10))
    preset = Word(**default(""))  # the provider's key in mail/presets.toml; empty: told by the host
    is_active = BooleanField(**default(True))
    created_at = Instant(**default(0))

    class Meta:
        table_name = "smtp_servers"


class SmtpAccount(CrmModel):
    id = Id()
    user_id = BigIntegerField()
    smtp_server_id = BigIntegerField()
    email = CharField(254)  # the from address, and the login unless `login` is set
    login = CharField(254, **default(""))
    password = LongText(null=True)  # encrypted by the vault; plain only where the guide's SQL inserted it
    daily_limit = IntegerField(**default(500))  # mails in any 24 hours
    hourly_limit = IntegerField(**default(50))  # mails in any 60 minutes
    auth = Word(**default("password"))  # password | google | microsoft: the provider that consent was given to
    warmup_start = IntegerField(**default(0))  # mails on the first day of its warm-up plan; 0: no plan
    warmup_from = Instant(**default(0))  # when that day begins, later by each day that the plan was held
    warmup_judged = IntegerField(**default(0))  # the day of the plan up to which it was looked at what came back …
    warmup_held = Instant(**default(0))  # … and when it was last held for that, by `queue.warming`
    warmup_reason = CharField(120, **default(""))
    bounce_address = CharField(254, **default(""))  # bounces+{token}@example.com: the envelope sender, for each mail
    from_domains = CharField(500, **default(""))  # domains it may send from beside its own, separated by blanks
    sent_today = IntegerField(**default(0))  # mails charged in the last 24 hours, for the guide's queries
    is_active = BooleanField(**default(True))
    send_windows = LongText(null=True)  # JSON of blaster.windows; none: at any time
    created_at = Instant(**default(0))

    access = ""  # no column: the token that `oauth.accounts_of` puts here, encrypted

    class Meta:
        table_name = "smtp_accounts"
        indexes = ((("user_id", "smtp_server_id"), False), (("smtp_server_id", "is_active"), False))


class SmtpHealth(CrmModel):
    """One row per account, and one per server (`smtp_account_id` 0: its circuit breaker). No row means ok."""

    smtp_server_id = BigIntegerField()
    smtp_account_id = BigIntegerField(**default(0))
    user_id = BigIntegerField(index=True)
    state = Word(**default("ok"))  # ok | cooling (until) | attention (until the user acts)
    until = Instant(**default(0))
    failures = IntegerField(**default(0))  # in a row
    reason = Word(**default(""))  # class of the reply that changed the state
    last_error = CharField(300, **default(""))
    last_error_at = Instant(**default(0))

    class Meta:
        table_name = "smtp_health"
        primary_key = CompositeKey("smtp_server_id", "smtp_account_id")


class SmtpUsage(CrmModel):
    """Mails charged to an account in buckets of five minutes; rolling hour and day are sums of buckets."""

    smtp_account_id = BigIntegerField()
    bucket = Instant()  # its first millisecond
    taken = IntegerField(**default(0))
    extra = IntegerField(
        **default(0)
    )  # part of `taken` whose row went back to pending after the server may have sent it

    class Meta:
        table_name = "smtp_usage"
        primary_key = CompositeKey("smtp_account_id", "bucket")


class Mail(CrmModel):
    """One row per recipient of a campaign: the only truth about what was sent."""

    id = Id()
    user_id = BigIntegerField()
    campaign_id = BigIntegerField()
    recipient_id = BigIntegerField()
    email = CharField(254)
    email_key = KeyText()
    fields = LongText(null=True)  # JSON object of merge values, frozen at the start
    status = Word(**default("pending"))
    # pending: not before this instant, 0 = never claimed yet; any other status: since when it has it
    due_at = Instant(**default(0))
    attempts = SmallIntegerField(**default(0))
    lease_token = BigIntegerField(null=True)  # fences: only the holder of this lease may settle the row
    claim_id = BigIntegerField(null=True)
    smtp_account_id = BigIntegerField(null=True)
    bucket = Instant(null=True)  # the usage bucket that carries its charge
    smtp_code = SmallIntegerField(null=True)
    reply_class = Word(null=True)
    smtp_text = CharField(300, null=True)

    class Meta:
        table_name = "mail_blaster"
        indexes = (
            (("campaign_id", "recipient_id"), True),
            (("campaign_id", "email_key"), True),
            # equality, equality, range and order, tie: claims, counts and latest errors need no sort
            (("campaign_id", "status", "due_at", "id"), False),
        )


class CampaignControl(CrmModel):
    """What the workers may do with a campaign. Locked in share mode by every intent, so keep counters out of it."""

    campaign_id = BigIntegerField(primary_key=True)
    user_id = BigIntegerField(index=True)
    run_state = Word(**default("staging"))  # staging | running | paused | cancelling | cancelled | finished
    list_id = BigIntegerField()
    staged_to = BigIntegerField(**default(0))  # last recipient id copied to the queue
    stage_until = BigIntegerField(**default(0))  # last recipient id that belongs to the campaign
    is_staged = BooleanField(**default(False))
    send_windows = LongText(null=True)  # as in campaign_master
    note = CharField(500, **default(""))
    changed_at = Instant(**default(0))

    class Meta:
        table_name = "campaign_control"
        indexes = ((("run_state", "campaign_id"), False),)


class CampaignContent(CrmModel):
    """The message, frozen at the start: sending goes on while Server 1 is away."""

    campaign_id = BigIntegerField(primary_key=True)
    user_id = BigIntegerField()
    list_id = BigIntegerField()
    subject = CharField(500)
    sender_name = CharField(120, **default(""))
    sender_email = CharField(254, **default(""))
    reply_to = CharField(254, **default(""))
    html = LongText(null=True)
    text = LongText(null=True)
    organisation = CharField(120, **default(""))  # who sends, for the footer …
    postal_address = CharField(500, **default(""))  # … and the page that unsubscribes
    tracks_opens = BooleanField(**default(False))
    tracks_clicks = BooleanField(**default(False))

    class Meta:
        table_name = "campaign_content"


class CampaignTally(CrmModel):
    """Rows by status, exact: changed in the transaction that moves the rows. One slot per SMTP server, so that no two
    workers write the same row; the sum over the slots counts (one slot may be negative). Slot 0: web and staging."""

    campaign_id = BigIntegerField()
    slot = BigIntegerField()
    pending = IntegerField(**default(0))
    active = IntegerField(**default(0))  # claimed + sending
    sent = IntegerField(**default(0))
    failed = IntegerField(**default(0))
    unknown = IntegerField(**default(0))
    suppressed = IntegerField(**default(0))
    cancelled = IntegerField(**default(0))

    class Meta:
        table_name = "campaign_tally"
        primary_key = CompositeKey("campaign_id", "slot")


class Suppression(CrmModel):
    """Who gets no mail. `email_key`: of an address, `@example.com` for a whole domain, or a hash (`erased.hidden`)."""

    id = Id()
    user_id = BigIntegerField()  # 0: nobody on this installation may write
    list_id = BigIntegerField(**default(0))  # 0: mail to any list
    email = CharField(254, **default(""))
    email_key = KeyText()
    reason = Word(**default("manual"))
    campaign_id = BigIntegerField(null=True)  # the one whose mail led to it
    created_at = Instant(**default(0))

    class Meta:
        table_name = "suppressions"
        indexes = (
            (("user_id", "email_key", "list_id"), True),
            # claims find the entries of a mail for its owner, its list and the whole installation in one search
            (("email_key", "user_id", "list_id"), False),
        )


class Lease(CrmModel):
    """`server:7`, `campaign:3`, `worker:…`: held by one process until `expires_at`, renewed while it lives."""

    name = KeyText(primary_key=True)
    owner = CharField(160)  # host:pid:start
    token = BigIntegerField()  # new at each taking
    expires_at = Instant()

    class Meta:
        # No second index: one that locks by owner and one that locks by name deadlock on each other.
        table_name = "leases"


TABLES = (
    SmtpServer,
    SmtpAccount,
    SmtpHealth,
    SmtpUsage,
    Mail,
    CampaignControl,
    CampaignContent,
    CampaignTally,
    Suppression,
    Lease,
)
