"""Sessions, second factors, links that set a password, quotas of users, the audit log."""

from blaster.migrations.columns import add_missing, drop_column
from blaster.models.audit import AuditEntry
from blaster.models.campaign_db import User
from blaster.models.sign_in import PasswordLink, PasswordRequest, RecoveryCode, SecondFactor, Session


def up(migrator, db):
    add_missing(db, User, Session, SecondFactor, RecoveryCode, PasswordLink, PasswordRequest, AuditEntry)
    drop_column(db, User, "session_token")  # sessions have rows now
