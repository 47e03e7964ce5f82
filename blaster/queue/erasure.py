"""Takes a person out of the queue: what waits is cancelled, what was sent stays counted without saying to whom."""

from blaster import db
from blaster.db import crm_db
from blaster.errors import Conflict
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import archive, ranges, tally

ERASED = "[erased]"  # in place of the address
_HELD = ("claimed", "sending")


def erase(user_id: int, key: str, hidden: str) -> int:
    """Cancel what is pending, and put `hidden` in place of the address key; returns how many mails had it.

    Safe to repeat. Raises Conflict, with the part that could be done done, while a mail is on its way or a campaign
    still takes in recipients that were read before.
    """
    _refuse_while_staging(user_id)
    mails = _mails(user_id, key)
    held = sum(db.transaction(crm_db, lambda mail=mail: _hide(mail, hidden)) for mail in mails)
    if held:
        raise Conflict("A mail to this address is just on its way. Erase once more in a few minutes to finish.")
    return len(mails) + archive.hide(user_id, key, hidden)


def _mails(user_id: int, key: str) -> list[Mail]:
    """One look-up a campaign, through the index of its addresses."""
    same = CampaignControl.campaign_id == Mail.campaign_id
    mine = (CampaignControl.user_id == user_id) & (Mail.email_key == key)
    with db.session(crm_db):
        return list(Mail.select(Mail.id, Mail.campaign_id).join(CampaignControl, on=same).where(mine))


def _refuse_while_staging(user_id: int) -> None:
    going_on = CampaignControl.run_state.in_(["staging", "running"]) & ~CampaignControl.is_staged
    with db.session(crm_db):
        if CampaignControl.select().where((CampaignControl.user_id == user_id) & going_on).exists():
            raise Conflict("A campaign is just taking in its recipients. Erase once more in a few minutes to finish.")


def _hide(mail: Mail, hidden: str) -> bool:
    """True where a worker holds the mail: it is left as it is. Lock order as in claims.py: control, row, tally."""
    db.locked(CampaignControl.select().where(CampaignControl.campaign_id == mail.campaign_id)).get()
    there = db.locked(Mail.select(Mail.id, Mail.status, Mail.due_at).where(Mail.id == mail.id)).first()
    if there is None:
        return False
    if there.status in _HELD or ranges.is_held(mail.campaign_id, there):
        return True
    changes = {"email": ERASED, "email_key": hidden, "fields": None, "smtp_text": None}
    # Its claim ends, so that nothing a worker still learns is written to it.
    changes |= {"lease_token": None, "claim_id": None}
    if there.status == "pending":
        changes |= {"status": "cancelled", "due_at": db.now(crm_db)}
        tally.add(mail.campaign_id, 0, {"pending": -1, "cancelled": 1})
    Mail.update(**changes).where(Mail.id == mail.id).execute()
    return False
