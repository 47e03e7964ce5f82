"""Server 1: how a campaign went, minute by minute."""

from peewee import BigIntegerField, CompositeKey, IntegerField

from blaster.models.campaign_db import CampaignModel
from blaster.models.fields import Instant, default


class CampaignMinute(CampaignModel):
    """The counters as they stood at the end of a minute in which they moved; absolute values, never increments."""

    campaign_id = BigIntegerField()
    minute = Instant()  # its first millisecond
    sent = IntegerField(**default(0))
    failed = IntegerField(**default(0))
    unknown = IntegerField(**default(0))

    class Meta:
        table_name = "campaign_minutes"
        primary_key = CompositeKey("campaign_id", "minute")
