"""Keys that users sign their mails with."""

from blaster.migrations.columns import add_missing
from blaster.models.dkim import TABLES


def up(migrator, db):
    add_missing(db, *TABLES)
