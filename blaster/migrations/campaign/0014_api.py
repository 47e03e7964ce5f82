"""Tokens for the JSON API, and keys of creations that must not happen twice."""

from blaster.migrations.columns import add_missing
from blaster.models.api import TABLES


def up(migrator, db):
    add_missing(db, *TABLES)
