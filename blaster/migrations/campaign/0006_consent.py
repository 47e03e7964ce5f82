"""Who sends and from where, which the footer of each mail has to say."""

from blaster.migrations.columns import add_missing
from blaster.models.campaign_db import User


def up(migrator, db):
    add_missing(db, User)
