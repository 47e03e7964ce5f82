"""Mailboxes that are read by consent instead of a password."""

from blaster.migrations.columns import add_missing
from blaster.models.bounces import Mailbox
from blaster.models.providers import MailboxToken


def up(migrator, db):
    add_missing(db, Mailbox, MailboxToken)
