"""Server 2: who holds which mails that were never tried."""

from peewee import BigIntegerField, IntegerField

from blaster.models.crm_db import CrmModel
from blaster.models.fields import Instant, default


class CampaignCursor(CrmModel):
    """How far the mails of a campaign were claimed for the first time. Locked by each claim, and by nothing else."""

    campaign_id = BigIntegerField(primary_key=True)
    last_id = BigIntegerField(**default(0))  # of mail_blaster

    class Meta:
        table_name = "campaign_cursor"


class ClaimedRange(CrmModel):
    """A claim of mails that were never tried. Gone once each of them has its intent or went back."""

    id = BigIntegerField(primary_key=True)  # the claim's: claim_id of the rows from their intent on
    campaign_id = BigIntegerField(index=True)
    smtp_account_id = BigIntegerField()
    lease_token = BigIntegerField(index=True)
    first_id = BigIntegerField()
    last_id = BigIntegerField()
    bucket = Instant()  # the usage bucket that carries its charge
    held = IntegerField(**default(0))  # mails without an intent, each of them charged

    class Meta:
        table_name = "claimed_ranges"


TABLES = (CampaignCursor, ClaimedRange)
