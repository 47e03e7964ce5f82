"""Server 2: addresses that are told of events, and what is or was told to them."""

from peewee import BigIntegerField, BooleanField, CharField, IntegerField

from blaster.models.crm_db import CrmModel
from blaster.models.fields import Id, Instant, KeyText, LongText, Word, default


class Webhook(CrmModel):
    """An address of a user's own."""

    id = Id()
    user_id = BigIntegerField(index=True)
    url = CharField(500)
    events = CharField(200)  # of webhooks.EVENTS, separated by blanks
    secret = LongText()  # whsec_…, encrypted by the vault
    old_secret = LongText(null=True)  # signs as well until `old_until`, so that the receiver may change over
    old_until = Instant(**default(0))
    is_active = BooleanField(**default(True))
    failing_since = Instant(**default(0))  # when deliveries began to fail; 0: the last one arrived
    note = CharField(300, **default(""))  # why it was switched off
    created_at = Instant(**default(0))

    class Meta:
        table_name = "webhooks"


class WebhookDelivery(CrmModel):
    """An event on its way to one address, written in the transaction of the event or right after it."""

    id = Id()
    user_id = BigIntegerField()
    webhook_id = BigIntegerField()
    message_id = CharField(40)  # webhook-id: the same at each attempt
    event = CharField(40)
    body = LongText()  # JSON as it is sent
    email_key = KeyText(**default(""))  # of the recipient whom it tells of
    state = Word(**default("pending"))  # pending | delivered | given-up
    due_at = Instant(**default(0))
    attempts = IntegerField(**default(0))
    status = IntegerField(**default(0))  # of the last answer; 0: there was none
    answer = CharField(300, **default(""))  # its beginning, or what went wrong
    created_at = Instant(**default(0))
    tried_at = Instant(**default(0))

    class Meta:
        table_name = "webhook_deliveries"
        indexes = (
            (("state", "due_at"), False),
            (("webhook_id", "id"), False),
            (("webhook_id", "message_id"), True),
            (("user_id", "email_key"), False),
        )


TABLES = (Webhook, WebhookDelivery)
