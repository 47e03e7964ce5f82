"""Files that were uploaded for a list, until they are read, and what became of their rows."""

from peewee import BigIntegerField, CharField, CompositeKey, IntegerField

from blaster.models.campaign_db import CampaignModel
from blaster.models.fields import Id, Instant, LongBlob, LongText, Word, default


class Import(CampaignModel):
    id = Id()
    user_id = BigIntegerField()
    list_id = BigIntegerField(index=True)
    state = Word(
        index=True, **default("uploading")
    )  # uploading | ready | waiting | running | finished | cancelled | failed
    file_name = CharField(255, **default(""))
    sheet_name = CharField(255, **default(""))  # of a workbook: the one that was taken
    size = BigIntegerField(**default(0))  # octets of the text that is kept
    octets_read = BigIntegerField(**default(0))
    rows_read = IntegerField(**default(0))  # taken or refused; a crash goes on behind them
    columns = LongText(null=True)  # JSON of blaster.sheets.columns.Columns
    consent = Word(**default(""))  # form | customer | event | other
    consent_words = CharField(300, **default(""))
    consent_date = CharField(10, **default(""))  # 2026-11-24
    added = IntegerField(**default(0))
    updated = IntegerField(**default(0))
    duplicates = IntegerField(**default(0))
    suppressed = IntegerField(**default(0))  # part of those above
    refused = IntegerField(**default(0))
    note = CharField(300, **default(""))  # why it failed
    created_at = Instant(**default(0))
    started_at = Instant(null=True)
    finished_at = Instant(null=True)

    class Meta:
        table_name = "imports"


class ImportChunk(CampaignModel):
    """A megabyte of the text; any worker's host can read it here."""

    import_id = BigIntegerField()
    position = IntegerField()  # from 0
    content = LongBlob()

    class Meta:
        table_name = "import_chunks"
        primary_key = CompositeKey("import_id", "position")


class ImportRefusal(CampaignModel):
    id = Id()
    import_id = BigIntegerField()
    line = IntegerField()
    reason = CharField(300)
    original = LongText(null=True)

    class Meta:
        table_name = "import_refusals"
        indexes = ((("import_id", "id"), False),)


TABLES = (Import, ImportChunk, ImportRefusal)
