"""Suppressions for one list, one domain or the whole installation, and what became of those that were lifted."""

from blaster.migrations.columns import add_missing, drop_index
from blaster.models.consent import LiftedSuppression
from blaster.models.crm_db import CampaignContent, Suppression


def up(migrator, db):
    add_missing(db, Suppression, CampaignContent, LiftedSuppression)
    drop_index(db, Suppression, "suppressions_user_id_email_key")  # an address may have an entry for each list now
