"""Wrong passwords of the last minutes. Server 1."""

from peewee import CharField

from blaster.models.campaign_db import CampaignModel
from blaster.models.fields import Id, Instant


class LoginAttempt(CampaignModel):
    """Noted before the password is looked at; a right one takes it back."""

    id = Id()
    name = CharField(64)  # SHA-256 of the address that was typed: people type passwords there, too
    client = CharField(45)  # where it came from; empty: from this machine
    at = Instant()

    class Meta:
        table_name = "login_attempts"
        indexes = ((("name", "at"), False), (("client", "at"), False), (("at",), False))


TABLES = (LoginAttempt,)
