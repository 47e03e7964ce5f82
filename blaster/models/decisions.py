"""Server 2: what owners decide about all mails of a kind, which takes longer than a page may."""

from peewee import BigIntegerField, IntegerField

from blaster.models.crm_db import CrmModel
from blaster.models.fields import Id, Instant, LongText, Word, default


class Decision(CrmModel):
    """A walk over the mails of a campaign, which can stop and go on anywhere.

    (`walked_at`, `walked_to`): due_at and id of the last mail that is done.
    """

    id = Id()
    user_id = BigIntegerField()
    campaign_id = BigIntegerField(index=True)
    kind = Word()  # send-again | count-as-sent: mails that are unknown; try-again: failed ones
    classes = LongText()  # JSON array of classes of replies: which failed ones
    walked_at = Instant(**default(0))
    walked_to = BigIntegerField(**default(0))
    walk_until = Instant(**default(0))  # what becomes unknown or fails later is not part of it
    done = IntegerField(**default(0))
    created_at = Instant(**default(0))
    finished_at = Instant(null=True, index=True)

    class Meta:
        table_name = "decisions"


TABLES = (Decision,)
