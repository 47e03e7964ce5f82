"""Server 1: messages that a user keeps for use in many campaigns."""

from peewee import BigIntegerField, CharField

from blaster.models.campaign_db import CampaignModel
from blaster.models.fields import Id, Instant, LongText, default


class Template(CampaignModel):
    id = Id()
    user_id = BigIntegerField(index=True)
    name = CharField(120)
    subject = CharField(500, **default(""))
    preheader = CharField(200, **default(""))
    html = LongText(null=True)
    text = LongText(null=True)
    rich = LongText(null=True)  # what was written in the rich-text editor; `html` was made from it
    created_at = Instant(**default(0))
    updated_at = Instant(**default(0))

    class Meta:
        table_name = "templates"
