"""Wrong passwords, counted by name and by client."""

from blaster.migrations.columns import add_missing
from blaster.models.login_attempts import LoginAttempt


def up(migrator, db):
    add_missing(db, LoginAttempt)
