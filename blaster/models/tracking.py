"""Server 2: where the links of a tracked campaign lead, and what was opened and clicked. No address, no IP address."""

from peewee import BigIntegerField, BooleanField, CompositeKey, IntegerField

from blaster.models.crm_db import CrmModel
from blaster.models.fields import Instant, LongText, Word, default


class CampaignLink(CrmModel):
    """Frozen at the start like the message: a click is sent nowhere else."""

    campaign_id = BigIntegerField()
    number = IntegerField()  # from 1, in the order of the message
    url = LongText()

    class Meta:
        table_name = "campaign_links"
        primary_key = CompositeKey("campaign_id", "number")


class Hit(CrmModel):
    """A mail was opened (`link` 0), or a link of it clicked: one row however often, so that nobody fills the table."""

    campaign_id = BigIntegerField()
    mail_id = BigIntegerField()
    link = IntegerField()
    mark = Word(**default(""))  # what tells who it was (mail/marks.toml); empty: nothing special
    is_machine = BooleanField(**default(False))
    at = Instant()  # of the first hit by a person, before that of the first one

    class Meta:
        table_name = "hits"
        primary_key = CompositeKey("campaign_id", "mail_id", "link")


class HitCount(CrmModel):
    """Mails with such a hit when they were last counted. `link`: as in Hit, or `queue.hits.ANY` for any link."""

    campaign_id = BigIntegerField()
    link = IntegerField()
    is_machine = BooleanField()
    mark = Word()
    mails = IntegerField(**default(0))
    counted_at = Instant(**default(0))
    is_final = BooleanField(**default(False))  # the campaign is archived, its hits are gone

    class Meta:
        table_name = "hit_counts"
        primary_key = CompositeKey("campaign_id", "link", "is_machine", "mark")


TABLES = (CampaignLink, Hit, HitCount)
