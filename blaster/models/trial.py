"""Addresses that a user on trial may mail. Server 1."""

from peewee import BigIntegerField

from blaster.models.campaign_db import CampaignModel
from blaster.models.fields import Id, Instant, KeyText


class VerifiedAddress(CampaignModel):
    """An address whose owner followed the link that the user had sent to it."""

    id = Id()
    user_id = BigIntegerField()
    email_key = KeyText()
    verified_at = Instant()

    class Meta:
        table_name = "verified_addresses"
        indexes = ((("user_id", "email_key"), True),)
