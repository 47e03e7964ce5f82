"""What recipients decide by the link in a mail. Needs Server 2 only, and nobody who is signed in."""

from dataclasses import dataclass

from blaster import addresses, db, suppressions
from blaster.db import crm_db
from blaster.errors import Conflict, NotFound
from blaster.mail.unsubscribe import Ticket
from blaster.models.archive import ArchivedMail
from blaster.models.consent import LiftedSuppression
from blaster.models.crm_db import CampaignContent, Mail, Suppression
from blaster.webhooks import outbox

THIS_LIST, EVERYTHING = "list", "all"
DAY = 24 * 60 * 60_000
MOST_RESUMED = 5  # a day, by one recipient: each leaves a row for good, and a link needs no sign-in


@dataclass(frozen=True)
class Subscription:
    """Who writes to whom. `ended`: "", THIS_LIST or EVERYTHING; `is_own`: by the link, so that it can be taken back."""

    sender: str
    postal_address: str
    address: str
    ended: str
    is_own: bool


def look(ticket: Ticket) -> Subscription:
    """How things stand. Raises NotFound where the mail is not on record."""
    mail, content = _mail(ticket)
    entries = _entries(mail, content.list_id)
    levels = {each.list_id for each in entries}
    ended = EVERYTHING if suppressions.ALL_LISTS in levels else THIS_LIST if levels else ""
    is_own = any(each.reason == suppressions.UNSUBSCRIBE for each in entries)
    sender = content.organisation or ("" if "{" in content.sender_name else content.sender_name)
    address = addresses.masked(mail.email) if "@" in mail.email else ""  # "" once it was erased
    return Subscription(sender, content.postal_address, address, ended, is_own)


def end(ticket: Ticket, what: str = EVERYTHING) -> None:
    """No more mail of this sender, or with THIS_LIST to this list: from the next claim on. Safe to repeat.

    Raises NotFound.
    """
    mail, content = _mail(ticket)
    list_id = content.list_id if what == THIS_LIST else suppressions.ALL_LISTS
    where = {"list_id": list_id, "campaign_id": ticket.campaign_id}
    if not any(each.list_id == suppressions.ALL_LISTS for each in _entries(mail, content.list_id)):
        suppressions.record(ticket.user_id, mail.email, mail.email_key, suppressions.UNSUBSCRIBE, **where)
    _tell(ticket, mail, content.list_id)


def _tell(ticket: Ticket, mail: Mail | ArchivedMail, list_id: int) -> None:
    """Each entry once, however often the link is followed; also what an end in between has left untold."""
    for each in _entries(mail, list_id):
        if each.user_id == ticket.user_id and each.reason == suppressions.UNSUBSCRIBE:
            data = {"campaign_id": ticket.campaign_id, "mail_id": ticket.row_id, "email": mail.email}
            data["list_id"] = each.list_id or None
            outbox.emit(ticket.user_id, "recipient.unsubscribed", str(each.id), data, email_key=mail.email_key)


def resume(ticket: Ticket) -> None:
    """Take back what was ended by such a link, and nothing else. Raises NotFound, and Conflict after MOST_RESUMED."""
    mail, content = _mail(ticket)
    if _resumed_lately(mail) >= MOST_RESUMED:
        raise Conflict("You have subscribed again several times today. Please come back tomorrow.")
    for each in _entries(mail, content.list_id):
        if each.reason == suppressions.UNSUBSCRIBE:
            suppressions.lift(each.user_id, each.id, "The recipient subscribed again on the page.", by="recipient")


def _resumed_lately(mail: Mail) -> int:
    mine = (LiftedSuppression.user_id == mail.user_id) & (LiftedSuppression.email_key == mail.email_key)
    with db.session(crm_db):
        lately = (LiftedSuppression.lifted_by == "recipient") & (LiftedSuppression.lifted_at > db.now(crm_db) - DAY)
        return LiftedSuppression.select().where(mine & lately).count()


def _mail(ticket: Ticket) -> tuple[Mail | ArchivedMail, CampaignContent]:
    with db.session(crm_db):
        mail = _row(Mail, ticket, Mail.user_id, Mail.email, Mail.email_key) or _row(ArchivedMail, ticket)
        columns = (CampaignContent.list_id, CampaignContent.sender_name)
        columns += (CampaignContent.organisation, CampaignContent.postal_address)
        content = CampaignContent.select(*columns).where(CampaignContent.campaign_id == ticket.campaign_id).first()
    if mail is None or content is None:
        raise NotFound("No such mail.")
    return mail, content


def _row(model, ticket: Ticket, *columns):
    mine = (model.campaign_id == ticket.campaign_id) & (model.user_id == ticket.user_id)
    return model.select(*columns).where((model.id == ticket.row_id) & mine).first()


def _entries(mail: Mail, list_id: int) -> list[Suppression]:
    named = (Suppression.email_key == mail.email_key) & Suppression.user_id.in_((suppressions.EVERYBODY, mail.user_id))
    with db.session(crm_db):
        return list(Suppression.select().where(named & Suppression.list_id.in_((suppressions.ALL_LISTS, list_id))))
