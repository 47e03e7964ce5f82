"""All that is known about one address: for its page, and to be handed out to whoever asks what we hold about them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from peewee import JOIN

from blaster import addresses, db, erased, recipients
from blaster.db import campaign_db, crm_db
from blaster.errors import Invalid
from blaster.models.archive import ArchivedMail
from blaster.models.bounces import Bounce
from blaster.models.campaign_db import Campaign, Recipient, RecipientList
from blaster.models.consent import LiftedSuppression
from blaster.models.crm_db import CampaignControl, Mail, Suppression
from blaster.models.imports import Import
from blaster.models.tracking import CampaignLink, Hit
from blaster.models.webhooks import WebhookDelivery


@dataclass(frozen=True)
class Entry:
    """The address on one list. `consent`: the import that brought it, None where it was added by hand."""

    recipient: Recipient
    list: RecipientList
    values: dict[str, str]
    consent: Import | None


@dataclass(frozen=True)
class Dossier:
    """`mails` and those of archived campaigns: the newest campaign first, each with its `campaign` (name, subject)."""

    email: str
    key: str
    entries: list[Entry] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    archived: list[ArchivedMail] = field(default_factory=list)
    suppressions: list[Suppression] = field(default_factory=list)
    lifted: list[LiftedSuppression] = field(default_factory=list)
    reports: list[Bounce] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)  # opens and clicks, the first comes first; `url` of a click
    told: list[WebhookDelivery] = field(default_factory=list)  # to webhooks of the user
    is_erased: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing is known about this address."""
        known = (self.entries, self.mails, self.archived, self.suppressions, self.lifted, self.reports, self.told)
        return not (any(known) or self.is_erased)


def of(user_id: int, email: str) -> Dossier:
    """What this user's lists, campaigns and suppressions say. Raises Invalid for what is no address."""
    try:
        email, key = addresses.normalise(email)
    except ValueError as error:
        raise Invalid({"email": str(error)}) from error
    entries, mails = _entries(user_id, key), _named(user_id, _mails(user_id, key))
    return Dossier(
        email=entries[0].recipient.email if entries else email,
        key=key,
        entries=entries,
        mails=mails,
        archived=_named(user_id, _archived(user_id, key)),
        suppressions=_suppressions(user_id, key),
        lifted=_about(LiftedSuppression, user_id, key),
        reports=_about(Bounce, user_id, key),
        told=_about(WebhookDelivery, user_id, key),
        hits=_hits(user_id, key, mails),
        is_erased=bool(erased.among(user_id, [key])),
    )


def _entries(user_id: int, key: str) -> list[Entry]:
    same = RecipientList.id == Recipient.list_id
    query = Recipient.select(Recipient, RecipientList).join(RecipientList, on=same, attr="list")
    with db.session(campaign_db):
        mine = (Recipient.user_id == user_id) & (Recipient.email_key == key)
        rows = list(query.where(mine).order_by(Recipient.id.desc()))
        imports = _imports(user_id, {row.import_id for row in rows})
    return [Entry(row, row.list, recipients.values(row.fields), imports.get(row.import_id)) for row in rows]


def _imports(user_id: int, ids: set[int | None]) -> dict[int, Import]:
    mine = (Import.user_id == user_id) & Import.id.in_(list(ids - {None}))
    return {found.id: found for found in Import.select().where(mine)}


def _mails(user_id: int, key: str) -> list[Mail]:
    """One look-up a campaign: an index by user and address would slow every staging down for this page alone."""
    same = CampaignControl.campaign_id == Mail.campaign_id
    mine = (CampaignControl.user_id == user_id) & (Mail.email_key == key)
    with db.session(crm_db):
        query = Mail.select(Mail).join(CampaignControl, on=same).where(mine)
        return list(query.order_by(Mail.campaign_id.desc()))


def _archived(user_id: int, key: str) -> list[ArchivedMail]:
    mine = (ArchivedMail.user_id == user_id) & (ArchivedMail.email_key == key)
    with db.session(crm_db):
        return list(ArchivedMail.select().where(mine).order_by(ArchivedMail.campaign_id.desc()))


def _named(user_id: int, mails: list) -> list:
    """Each with its campaign."""
    named = _campaigns(user_id, {mail.campaign_id for mail in mails})
    for mail in mails:
        mail.campaign = named.get(mail.campaign_id)
    return mails


def _campaigns(user_id: int, ids: Iterable[int]) -> dict[int, Campaign]:
    columns = (Campaign.campaign_id, Campaign.name, Campaign.subject)
    with db.session(campaign_db):
        mine = (Campaign.user_id == user_id) & Campaign.campaign_id.in_(list(ids))
        return {found.campaign_id: found for found in Campaign.select(*columns).where(mine)}


def _suppressions(user_id: int, key: str) -> list[Suppression]:
    """Those of the whole installation (`user_id` 0) and of the whole domain hold as well."""
    named = Suppression.email_key.in_([key, addresses.domain_key(key)])
    with db.session(crm_db):
        mine = Suppression.user_id.in_([0, user_id]) & named
        return list(Suppression.select().where(mine).order_by(Suppression.id))


def _hits(user_id: int, key: str, mails: list[Mail]) -> list[Hit]:
    """Of these mails, which have their campaigns."""
    link, campaigns = CampaignLink, {mail.campaign_id: mail.campaign for mail in mails}
    same = (link.campaign_id == Hit.campaign_id) & (link.number == Hit.link)
    query = Hit.select(Hit, link.url).join(link, JOIN.LEFT_OUTER, on=same, attr="target")
    query = query.join_from(Hit, Mail, on=(Mail.id == Hit.mail_id) & (Mail.campaign_id == Hit.campaign_id), attr="mail")
    query = query.join(CampaignControl, on=CampaignControl.campaign_id == Mail.campaign_id)
    with db.session(crm_db):
        mine = (CampaignControl.user_id == user_id) & (Mail.email_key == key)
        found = list(query.where(mine).order_by(Hit.at))
    for hit in found:
        hit.campaign, hit.url = campaigns.get(hit.campaign_id), hit.target.url if hit.link else ""
    return found


def _about(table, user_id: int, key: str) -> list:
    with db.session(crm_db):
        return list(table.select().where((table.user_id == user_id) & (table.email_key == key)).order_by(table.id))


def as_json(known: Dossier, now: int) -> dict:
    """The same in plain words and ISO instants (UTC); `now` (ms) is when it was asked for."""
    return {
        "address": known.email,
        "as_of": _instant(now),
        "lists": [_list(entry) for entry in known.entries],
        "mails": [_mail(mail) for mail in known.mails],
        "mails_of_archived_campaigns": [
            {"campaign": mail.campaign.name if mail.campaign else None, "state": mail.status} for mail in known.archived
        ],
        "suppressions": [_suppression(row) for row in known.suppressions],
        "suppressions_taken_back": [
            {**_suppression(row), "why": row.why, "until": _instant(row.lifted_at)} for row in known.lifted
        ],
        "reports": [_report(row) for row in known.reports],
        "opens_and_clicks": [_hit(row) for row in known.hits],
        "told_to_webhooks": [{"event": row.event, "at": _instant(row.created_at)} for row in known.told],
        "erased_before": known.is_erased,
    }


def _list(entry: Entry) -> dict:
    row, consent = entry.recipient, entry.consent
    return {
        "list": entry.list.name,
        "address": row.email,
        "values": entry.values,
        "added": _instant(row.created_at),
        "consent": consent
        and {
            "source": consent.consent,
            "words": consent.consent_words,
            "date": consent.consent_date,
            "file": consent.file_name,
            "imported": _instant(consent.created_at),
        },
    }


def _mail(mail: Mail) -> dict:
    waits = mail.status == "pending"
    return {
        "campaign": mail.campaign.name if mail.campaign else None,
        "subject": mail.campaign.subject if mail.campaign else None,
        "address": mail.email,
        "values": recipients.values(mail.fields),
        "state": mail.status,
        "next_attempt" if waits else "since": _instant(mail.due_at),
        "attempts": mail.attempts,
        "reply_code": mail.smtp_code,
        "reply": mail.smtp_text,
    }


def _suppression(row: Suppression) -> dict:
    return {"address": row.email or row.email_key, "reason": row.reason, "since": _instant(row.created_at)}


def _report(row: Bounce) -> dict:
    named = {"kind": row.kind, "class": row.bounce_class, "status": row.status, "words": row.diagnostic}
    return {**named, "received": _instant(row.created_at)}


def _hit(row: Hit) -> dict:
    what = {
        "campaign": row.campaign.name if row.campaign else None,
        "clicked" if row.link else "opened": row.url or True,
    }
    return {**what, "first": _instant(row.at), "by": "a machine" if row.is_machine else "a person", "told_by": row.mark}


def _instant(ms: int | None) -> str | None:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds") if ms else None
