"""Addresses that were erased on request. A keyed hash is all that stays, so that no import brings them back.

It lies in the suppression list in place of the address key, and in the queue's rows too: no such row is ever sent.
"""

from collections.abc import Collection

from blaster import db, vault
from blaster.db import crm_db
from blaster.models.bounces import Bounce
from blaster.models.consent import LiftedSuppression
from blaster.models.crm_db import CampaignControl, Mail, Suppression
from blaster.models.tracking import Hit
from blaster.models.webhooks import WebhookDelivery

PREFIX = "erased:"
REASON = "erased"
SENTENCE = "This address was erased at its owner’s request. It cannot be taken in again."


def hidden(user_id: int, key: str) -> str:
    """What stands for the address key from now on; another user's looks different."""
    return _hidden(user_id, key)[0]


def _hidden(user_id: int, key: str) -> list[str]:
    return [PREFIX + mark for mark in vault.fingerprints(f"{user_id} {key}")]


def among(user_id: int, keys: Collection[str]) -> set[str]:
    """Those of these address keys that were erased. One small query where the user never erased anybody."""
    mine = (Suppression.user_id == user_id) & Suppression.email_key.between(PREFIX, PREFIX + "g")
    with db.session(crm_db):
        if not Suppression.select().where(mine).exists():
            return set()
        of = {mark: key for key in keys for mark in _hidden(user_id, key)}
        there = Suppression.select(Suppression.email_key).where(
            (Suppression.user_id == user_id) & Suppression.email_key.in_(list(of))
        )
        return {of[mark] for (mark,) in there.tuples()}


def remember(user_id: int, key: str) -> None:
    """Keep the hash; safe to repeat. The address itself stays suppressed until `forget`."""
    columns = (
        Suppression.user_id,
        Suppression.email,
        Suppression.email_key,
        Suppression.reason,
        Suppression.created_at,
    )

    def work():
        row = (user_id, "", hidden(user_id, key), REASON, db.now(crm_db))
        db.insert_new(Suppression, columns, [row])

    db.transaction(crm_db, work)


def forget(user_id: int, key: str) -> None:
    """Take the address itself off the suppression list and its past, out of reports about mail to it, and delete what
    is known of its opens and clicks.

    To be called once no mail to it is left: until then the suppression has work to do.
    """
    with db.session(crm_db):
        for table in (Suppression, LiftedSuppression):
            table.delete().where((table.user_id == user_id) & (table.email_key == key)).execute()
        told = (WebhookDelivery.user_id == user_id) & (WebhookDelivery.email_key == key)
        WebhookDelivery.delete().where(told).execute()
        about = (Bounce.user_id == user_id) & (Bounce.email_key == key)
        Bounce.update(email="", email_key=hidden(user_id, key), diagnostic="").where(about).execute()
        _forget_hits(user_id, hidden(user_id, key))


def _forget_hits(user_id: int, hidden_key: str) -> None:
    """Those of archived campaigns are gone already."""
    same = CampaignControl.campaign_id == Mail.campaign_id
    mine = (CampaignControl.user_id == user_id) & (Mail.email_key == hidden_key)
    mails = Mail.select(Mail.campaign_id, Mail.id).join(CampaignControl, on=same).where(mine).tuples()
    for campaign_id, mail_id in list(mails):
        Hit.delete().where((Hit.campaign_id == campaign_id) & (Hit.mail_id == mail_id)).execute()
