"""Server 1, "campaign": what people see and edit. Names of tables and columns are those of the operator's guide."""

from peewee import BigIntegerField, BooleanField, CharField, IntegerField, Model

from blaster.db import campaign_db
from blaster.models.fields import Id, Instant, KeyText, LongText, Word, default


class CampaignModel(Model):
    class Meta:
        database = campaign_db
        legacy_table_names = False


class User(CampaignModel):
    id = Id()
    email = KeyText(unique=True)
    name = CharField(120, **default(""))
    password_hash = CharField(255)
    role = Word(**default("user"))  # user | admin
    is_active = BooleanField(**default(True))
    is_trial = BooleanField(**default(False))  # may mail verified addresses only
    time_zone = CharField(64, **default("UTC"))
    organisation = CharField(120, **default(""))  # who sends, as the footer of each mail says it
    postal_address = CharField(500, **default(""))
    most_campaigns = IntegerField(**default(0))  # under way at once; 0: any number
    most_recipients = IntegerField(**default(0))  # of campaigns that start within a day; 0: any number
    last_sign_in_at = Instant(**default(0))
    created_at = Instant(**default(0))

    class Meta:
        table_name = "users"


class RecipientList(CampaignModel):
    id = Id()
    user_id = BigIntegerField(index=True)
    name = CharField(120)
    field_names = LongText(null=True)  # JSON array: the extra columns that were imported
    size = IntegerField(**default(0))
    created_at = Instant(**default(0))

    class Meta:
        table_name = "recipient_lists"


class Recipient(CampaignModel):
    id = Id()
    user_id = BigIntegerField()
    list_id = BigIntegerField()
    email = CharField(254)
    email_key = KeyText()
    fields = LongText(null=True)  # JSON object of merge values
    created_at = Instant(**default(0))
    import_id = BigIntegerField(null=True)  # the import that brought the address, and with it the consent

    class Meta:
        table_name = "recipients"
        indexes = (
            (("list_id", "email_key"), True),
            (("list_id", "id"), False),
            (("user_id", "email_key"), False),
        )


class Campaign(CampaignModel):
    campaign_id = Id()
    user_id = BigIntegerField()
    list_id = BigIntegerField(null=True)
    name = CharField(120)
    subject = CharField(500, **default(""))
    preheader = CharField(200, **default(""))  # what an inbox shows behind the subject
    sender_name = CharField(120, **default(""))
    sender_email = CharField(254, **default(""))  # empty: each account's own from address
    reply_to = CharField(254, **default(""))
    html = LongText(null=True)
    text = LongText(null=True)
    rich = LongText(null=True)  # what was written in the rich-text editor; `html` was made from it
    saved_by = CharField(24, **default(""))  # the browser tab that saved the draft last
    send_windows = LongText(null=True)  # JSON of blaster.windows; none: at any time
    tracks_opens = BooleanField(**default(False))
    tracks_clicks = BooleanField(**default(False))
    created_at = Instant(**default(0))
    updated_at = Instant(**default(0))

    class Meta:
        table_name = "campaign_master"
        indexes = ((("user_id", "campaign_id"), False),)


class CampaignStatus(CampaignModel):
    """State and counters that screens read. After the start it mirrors Server 2; absolute values, never increments."""

    campaign_id = BigIntegerField(primary_key=True)
    status = Word(index=True, **default("draft"))
    total_emails = IntegerField(**default(0))
    pending_emails = IntegerField(**default(0))
    active_emails = IntegerField(**default(0))  # claimed + sending
    sent_emails = IntegerField(**default(0))
    failed_emails = IntegerField(**default(0))
    unknown_emails = IntegerField(**default(0))
    suppressed_emails = IntegerField(**default(0))
    cancelled_emails = IntegerField(**default(0))
    emails_per_minute = IntegerField(**default(0))
    note = CharField(500, **default(""))  # why it is paused, in words
    start_at = Instant(null=True)  # when it is to start by itself; kept while it waits for a click
    start_zone = CharField(64, **default(""))  # the zone in which that was chosen
    started_at = Instant(null=True)
    finished_at = Instant(null=True)
    snapshot_at = Instant(**default(0))  # Server 2's clock when the counters were read

    class Meta:
        table_name = "campaign_status"


TABLES = (User, RecipientList, Recipient, Campaign, CampaignStatus)
