"""Server 2: what stays of the mails of old campaigns, and when the installation was last tidied."""

from peewee import BigIntegerField, CharField, CompositeKey, IntegerField

from blaster.models.crm_db import CrmModel
from blaster.models.fields import Instant, KeyText, Word, default


class ArchivedMail(CrmModel):
    """A mail that left the queue. With number and address key the links in it still work, and bounces find it."""

    id = BigIntegerField(primary_key=True)  # that of the row in mail_blaster
    user_id = BigIntegerField()
    campaign_id = BigIntegerField()
    email_key = KeyText()
    status = Word()

    class Meta:
        table_name = "archived_mails"
        indexes = ((("user_id", "email_key"), False), (("campaign_id", "status"), False))

    @property
    def email(self) -> str:
        """The address as it is known still."""
        return self.email_key


class CampaignArchive(CrmModel):
    """The file that a campaign's mails went to; where a host died on the way, another one has the rest in its own."""

    campaign_id = BigIntegerField()
    host = CharField(64)
    user_id = BigIntegerField()
    file = CharField(255)  # in the data directory of that host
    octets = BigIntegerField(**default(0))  # what is behind them was written by a chunk that failed
    mails = IntegerField(**default(0))
    erasures = IntegerField(**default(0))  # of addresses that stand in the file still
    began_at = Instant(**default(0))
    finished_at = Instant(null=True)

    class Meta:
        table_name = "campaign_archives"
        primary_key = CompositeKey("campaign_id", "host")


class Upkeep(CrmModel):
    """When the nightly work was last begun and finished."""

    name = KeyText(primary_key=True)
    began_at = Instant(**default(0))
    finished_at = Instant(**default(0))

    class Meta:
        table_name = "upkeep"


TABLES = (ArchivedMail, CampaignArchive, Upkeep)
