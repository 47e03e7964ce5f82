"""Server 1: work on a list that takes longer than a page may."""

from peewee import BigIntegerField, CharField, IntegerField

from blaster.models.campaign_db import CampaignModel
from blaster.models.fields import Id, Instant, Word, default


class ListWork(CampaignModel):
    """A walk over the recipients of a list, `walked_to` the last one that is done. It can stop and go on anywhere."""

    id = Id()
    user_id = BigIntegerField(index=True)
    kind = Word()  # copy: to the list target_id | rename: the field `old` to `new`, which is empty to delete it
    list_id = BigIntegerField(index=True)
    target_id = BigIntegerField(**default(0))
    old = CharField(60, **default(""))
    new = CharField(60, **default(""))
    walked_to = BigIntegerField(**default(0))
    walk_until = BigIntegerField(**default(0))  # who comes to the list later is not part of it
    done = IntegerField(**default(0))
    total = IntegerField(**default(0))
    created_at = Instant(**default(0))
    finished_at = Instant(null=True, index=True)

    class Meta:
        table_name = "list_work"
