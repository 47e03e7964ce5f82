"""Decisions about all mails of a kind."""

from blaster.migrations.columns import add_missing
from blaster.models.decisions import TABLES


def up(migrator, db):
    add_missing(db, *TABLES)
