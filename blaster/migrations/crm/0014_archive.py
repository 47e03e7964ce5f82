"""What stays of the mails of old campaigns."""

from blaster.migrations.columns import add_missing
from blaster.models.archive import TABLES


def up(migrator, db):
    add_missing(db, *TABLES)
