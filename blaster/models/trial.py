"""Addresses that a user on trial may mail. Server 1."""

from peewee import BigIntegerField

from blaster.models.campaign_db import CampaignModel
from blaster.models.fields import Id, Instant, KeyText, default


class VerifiedAddress(CampaignModel):
    """An address that the user wants to mail: whoever reads its mail has to follow a link first."""

    id = Id()
    user_id = BigIntegerField()
    email_key = KeyText()
    asked_at = Instant(**default(0))
    verified_at = Instant(**default(0))  # 0: not yet

    class Meta:
        table_name = "verified_addresses"
        indexes = ((("user_id", "email_key"), True),)
