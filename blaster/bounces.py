"""What came back about the mails of a user: recorded once, counted for its campaign, acted upon.

Only a token that we signed tells which mail a report is about. One without is shown as unmatched and changes nothing:
whoever can forge a bounce must not be able to remove people from lists.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import peewee

from blaster import db, erased, suppressions
from blaster.db import campaign_db, crm_db
from blaster.mail import bounces as reports
from blaster.mail.bounces import Recipient, Report
from blaster.mail.tokens import is_ours
from blaster.models.archive import ArchivedMail
from blaster.models.bounces import Bounce, CampaignBounces
from blaster.models.campaign_db import Campaign
from blaster.models.crm_db import CampaignControl, Mail
from blaster.webhooks import outbox

DAY = 86_400_000
DISABLED_WITHIN = 30 * DAY  # two bounces of a disabled mailbox within this time: it is gone
SOFT_IN_A_ROW, SOFT_FOR = 5, 14 * DAY
PASSING = ("soft", "quota", "disabled")
TOLD = ("delayed", "delivered", "auth-report")  # reports that need no action
COUNTED = (*sorted(reports.CLASSES), "complaint")
_SENT = ("sent", "unknown", "sending")


class _Known(Exception):
    """It was recorded meanwhile: nothing is counted."""


@dataclass(frozen=True)
class Found:
    """kind: of the report (mail.bounces.KINDS). bounces: what was recorded now, nothing if it was known already.

    is_ours: it is about a mail of ours, so that nobody else need look at it.
    """

    kind: str
    is_ours: bool = False
    bounces: tuple[Bounce, ...] = ()


def record(user_id: int, raw: bytes, *, key: bytes, mailbox_id: int | None = None) -> Found:
    """Understand a message that came back and do what follows from it. Safe to repeat.

    key: signs the tokens of mails. A hard bounce suppresses its recipient for this user; a complaint suppresses for the
    whole installation; passing trouble does when it goes on (DISABLED_WITHIN, SOFT_IN_A_ROW).
    """
    report = reports.parse(raw)
    mails = _mails(user_id, report, key)
    if report.kind not in ("bounce", "complaint"):
        return Found(report.kind, bool(mails) and report.kind in TOLD)
    digest = hashlib.sha256((report.message_id or raw.decode("latin-1")).encode()).hexdigest()[:40]
    rows = [_row(user_id, report, mail) for mail in mails or [None]]
    recorded = [_store(bounce, f"{digest}:{bounce.mail_id or 0}", mailbox_id) for bounce in rows]
    return Found(report.kind, bool(mails), tuple(filter(None, recorded)))


def _mails(user_id: int, report: Report, key: bytes) -> list[Mail | ArchivedMail]:
    """Those of this user's mails whose token the report holds."""
    ours = {
        row_id: campaign_id
        for row_id, campaign_id, *signed in report.tokens
        if is_ours(row_id, campaign_id, *signed, key)
    }
    if not ours:
        return []
    with db.session(crm_db):
        found = [mail for model in (Mail, ArchivedMail) for mail in _sent(model, user_id, list(ours))]
    return [mail for mail in found if mail.campaign_id == ours[mail.id]]


def _sent(model, user_id: int, ids: list[int]):
    return model.select().where(model.id.in_(ids) & (model.user_id == user_id) & model.status.in_(_SENT))


def _row(user_id: int, report: Report, mail: Mail | None) -> Bounce:
    said = _about(report, mail)
    of_mail = {name: getattr(mail, name) for name in ("campaign_id", "email", "email_key")} if mail else {}
    if mail and mail.email_key.startswith(erased.PREFIX):
        said = replace(said, diagnostic="")  # it repeats the address
    address = {"email": said.address[:254], "email_key": said.address.lower()[:254]}
    return Bounce(
        user_id=user_id,
        mail_id=mail and mail.id,
        kind=report.kind,
        bounce_class="complaint" if report.kind == "complaint" else said.bounce_class,
        status=said.status[:12],
        diagnostic=said.diagnostic[:300],
        **(address | of_mail),
    )


def _about(report: Report, mail: Mail | None) -> Recipient:
    """What the report says about this mail. One that names several and not ours says nothing certain about it."""
    keys = {mail.email_key} if mail else set()
    named = [each for each in report.recipients if {each.address.lower(), each.original.lower()} & keys]
    if named or len(report.recipients) == 1 or (report.recipients and not mail):
        return (named or report.recipients)[0]
    return Recipient("", "soft")


def _store(bounce: Bounce, digest: str, mailbox_id: int | None) -> Bounce | None:
    """None if it is there already. What it leads to is done first: if we die in between, it is done again."""
    with db.session(crm_db):
        if _is_known(bounce, digest):
            return None
        bounce.digest, bounce.mailbox_id, bounce.created_at = digest, mailbox_id, db.now(crm_db)
    if bounce.mail_id and _is_reason(bounce):
        _suppress(bounce)
        bounce.action = "suppressed"

    def work():
        if bounce.mail_id:
            _count(bounce)  # first: whoever counts for this campaign waits here, and then sees what is recorded
        if _is_known(bounce, digest):
            raise _Known
        bounce.save(force_insert=True)
        if bounce.mail_id:
            _tell(bounce)
        return bounce

    try:
        return db.transaction(crm_db, work)
    except (_Known, peewee.IntegrityError):  # another process read the same report, or one that says the same
        return None


def _is_known(bounce: Bounce, digest: str) -> bool:
    """The report itself, or another one that says the same of the same mail: a recipient holds the token of their own
    mail, and reports of it without end must neither pause a campaign nor let a domain rest."""
    same = (Bounce.user_id == bounce.user_id) & (Bounce.digest == digest)
    if bounce.mail_id:
        same |= (Bounce.mail_id == bounce.mail_id) & (Bounce.bounce_class == bounce.bounce_class)
    return Bounce.select().where(same).exists()


def _count(bounce: Bounce) -> None:
    column = getattr(CampaignBounces, bounce.bounce_class)
    columns = (CampaignBounces.campaign_id, CampaignBounces.user_id, column)
    db.upsert(CampaignBounces, columns, [(bounce.campaign_id, bounce.user_id, 1)], add=[column])


def _tell(bounce: Bounce) -> None:
    event = "recipient.complained" if bounce.kind == "complaint" else "recipient.bounced"
    data = {"campaign_id": bounce.campaign_id, "mail_id": bounce.mail_id, "email": bounce.email}
    data |= {"class": bounce.bounce_class, "status": bounce.status, "diagnostic": bounce.diagnostic}
    data["suppressed"] = bounce.action == "suppressed"
    outbox.emit(bounce.user_id, event, bounce.digest, data, email_key=bounce.email_key)


def _suppress(bounce: Bounce) -> None:
    if bounce.kind == "complaint":
        suppressions.complain(bounce.user_id, bounce.email, bounce.email_key, bounce.campaign_id)
        return
    about = (bounce.user_id, bounce.email, bounce.email_key)
    suppressions.record(*about, suppressions.HARD, campaign_id=bounce.campaign_id)


def _is_reason(bounce: Bounce) -> bool:
    """To write to this address no more."""
    if bounce.email_key.startswith(erased.PREFIX):  # nobody writes there anyway
        return False
    if bounce.bounce_class in ("hard", "complaint"):
        return True
    if bounce.bounce_class not in PASSING:
        return False
    earlier = _earlier(bounce)
    return _is_gone(bounce, earlier) or _goes_on(bounce, earlier)


def _earlier(bounce: Bounce) -> list[Bounce]:
    """The last ones about other mails to this address, newest first."""
    mine = (Bounce.user_id == bounce.user_id) & (Bounce.email_key == bounce.email_key)
    others = mine & Bounce.mail_id.is_null(False) & (Bounce.mail_id != bounce.mail_id)
    with db.session(crm_db):
        return list(Bounce.select().where(others).order_by(Bounce.id.desc()).limit(20))


def _is_gone(bounce: Bounce, earlier: list[Bounce]) -> bool:
    since = bounce.created_at - DISABLED_WITHIN
    return bounce.bounce_class == "disabled" and any(
        each.bounce_class == "disabled" and each.created_at >= since for each in earlier
    )


def _goes_on(bounce: Bounce, earlier: list[Bounce]) -> bool:
    """Several mails in a row, for two weeks, with none between that arrived."""
    row = [bounce, *(each for each in earlier if each.bounce_class in PASSING)]
    mails = list(dict.fromkeys(each.mail_id for each in row))[:SOFT_IN_A_ROW]
    first = next((each for each in row if each.mail_id == mails[-1]), bounce)
    if len(mails) < SOFT_IN_A_ROW or bounce.created_at - first.created_at < SOFT_FOR:
        return False
    return not _arrived_since(bounce, mails)


def _arrived_since(bounce: Bounce, mails: list[int]) -> bool:
    """A younger mail of this user to the address that did not come back."""
    with db.session(crm_db):
        campaigns = CampaignControl.select(CampaignControl.campaign_id).where(CampaignControl.user_id == bounce.user_id)
        sent = Mail.campaign_id.in_(campaigns) & (Mail.email_key == bounce.email_key) & (Mail.status == "sent")
        others = Mail.select(Mail.id).where(sent & (Mail.id > min(mails)) & Mail.id.not_in(mails))
        came_back = {id for (id,) in Bounce.select(Bounce.mail_id).where(Bounce.mail_id.in_(others)).tuples()}
        return any(id not in came_back for (id,) in others.tuples())


def counts(user_id: int, campaign_id: int) -> dict[str, int]:
    """Bounces by class, and complaints; all zero before the first."""
    with db.session(crm_db):
        mine = (CampaignBounces.campaign_id == campaign_id) & (CampaignBounces.user_id == user_id)
        row = CampaignBounces.get_or_none(mine)
    return {name: getattr(row, name) if row else 0 for name in COUNTED}


def list_bounces(
    user_id: int, campaign_id: int | None = None, *, bounce_class: str = "", before: int = 0, limit: int = 50
) -> list[Bounce]:
    """Up to `limit`, newest first, with an id below `before`; of all campaigns: unmatched ones too."""
    chosen = Bounce.user_id == user_id
    if campaign_id is not None:
        chosen &= Bounce.campaign_id == campaign_id
    if bounce_class:
        chosen &= Bounce.bounce_class == bounce_class
    if before:
        chosen &= Bounce.id < before
    with db.session(crm_db):
        return list(Bounce.select().where(chosen).order_by(Bounce.id.desc()).limit(limit))


def campaign_names(user_id: int, found: Iterable[Bounce]) -> dict[int, str]:
    """Names of the campaigns that bounces are about, by id; those that are gone are left out."""
    ids = {bounce.campaign_id for bounce in found}
    with db.session(campaign_db):
        mine = (Campaign.user_id == user_id) & Campaign.campaign_id.in_(ids)
        return dict(Campaign.select(Campaign.campaign_id, Campaign.name).where(mine).tuples())
