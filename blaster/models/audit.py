"""Who did what, when and from where. Server 1."""

from peewee import BigIntegerField, CharField

from blaster.models.campaign_db import CampaignModel
from blaster.models.fields import Id, Instant, Word, default


class AuditEntry(CampaignModel):
    """Written once and never changed. Holds no secret and no address of a recipient."""

    id = Id()
    at = Instant(index=True)
    actor_id = BigIntegerField(**default(0))  # 0: nobody who is signed in, or the program itself
    user_id = BigIntegerField(**default(0))  # whose affair it is; 0: the installation's
    act = Word()
    target = Word(**default(""))  # what kind of thing
    target_id = BigIntegerField(**default(0))
    details = CharField(500, **default(""))
    client = CharField(45, **default(""))  # the IP address; empty: a worker or a script

    class Meta:
        table_name = "audit_log"
        indexes = ((("user_id", "id"), False), (("actor_id", "id"), False), (("act", "id"), False))
