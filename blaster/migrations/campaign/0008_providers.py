"""Users on trial and the addresses that they have verified."""

from blaster.migrations.columns import add_missing
from blaster.models.campaign_db import User
from blaster.models.trial import VerifiedAddress


def up(migrator, db):
    add_missing(db, User, VerifiedAddress)
