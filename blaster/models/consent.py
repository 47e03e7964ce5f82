"""Server 2: what became of refusals that do not hold any more."""

from peewee import BigIntegerField, CharField

from blaster.models.crm_db import CrmModel
from blaster.models.fields import Id, Instant, KeyText, Word, default


class LiftedSuppression(CrmModel):
    """A suppression that was taken back, by whom and why: the proof that somebody may be written to again."""

    id = Id()
    user_id = BigIntegerField()
    list_id = BigIntegerField(**default(0))
    email = CharField(254, **default(""))
    email_key = KeyText()
    reason = Word(**default("manual"))
    created_at = Instant(**default(0))
    lifted_by = Word(**default("user"))  # user | recipient | admin
    why = CharField(300, **default(""))
    lifted_at = Instant(**default(0))

    class Meta:
        table_name = "lifted_suppressions"
        indexes = ((("user_id", "email_key"), False),)
