"""Uploaded files, what became of their rows, and which import brought a recipient."""

from blaster.migrations.columns import add_missing
from blaster.models.campaign_db import Recipient
from blaster.models.imports import TABLES


def up(migrator, db):
    add_missing(db, Recipient, *TABLES)
