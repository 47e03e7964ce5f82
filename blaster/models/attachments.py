"""Files that go along with a campaign: those of the draft on Server 1, and as they were at its start on Server 2."""

from peewee import BigIntegerField, CharField, CompositeKey, IntegerField

from blaster.models.campaign_db import CampaignModel
from blaster.models.crm_db import CrmModel
from blaster.models.fields import Id, Instant, LongBlob, default


class Attachment(CampaignModel):
    id = Id()
    user_id = BigIntegerField()
    campaign_id = BigIntegerField(index=True)
    filename = CharField(120)
    content_type = CharField(120, **default("application/octet-stream"))
    size = IntegerField(**default(0))
    data = LongBlob()
    created_at = Instant(**default(0))

    class Meta:
        table_name = "attachments"


class CampaignAttachment(CrmModel):
    campaign_id = BigIntegerField()
    position = IntegerField()  # from 0, the order in the mail
    filename = CharField(120)
    content_type = CharField(120)
    data = LongBlob()

    class Meta:
        table_name = "campaign_attachments"
        primary_key = CompositeKey("campaign_id", "position")
