"""Server 1: tokens of programs that work for a user, and creations that must not happen twice."""

from peewee import BigIntegerField, CharField, CompositeKey, IntegerField

from blaster.models.campaign_db import CampaignModel
from blaster.models.fields import Id, Instant, KeyText, default


class ApiToken(CampaignModel):
    """What a program shows instead of a sign-in; of the token itself only a hash is kept."""

    id = Id()
    user_id = BigIntegerField(index=True)
    name = CharField(80)
    digest = CharField(64, unique=True)  # SHA-256: the token has 256 random bits, so that guessing is no worry
    ending = CharField(8)  # of the token, by which people know it
    scopes = CharField(60)  # of read, write, send, separated by blanks
    minute = Instant(**default(0))  # the minute that `calls` counts, of the database's clock
    calls = IntegerField(**default(0))
    used_at = Instant(**default(0))
    created_at = Instant(**default(0))

    class Meta:
        table_name = "api_tokens"


class IdempotencyKey(CampaignModel):
    """A key that a program sent with a creation: the same one makes nothing new."""

    user_id = BigIntegerField()
    key = KeyText()
    digest = CharField(64)  # SHA-256 of what was asked for
    campaign_id = BigIntegerField()
    created_at = Instant(index=True, **default(0))

    class Meta:
        table_name = "idempotency_keys"
        primary_key = CompositeKey("user_id", "key")


TABLES = (ApiToken, IdempotencyKey)
