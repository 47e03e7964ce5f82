"""Mails that ended in doubt or in failure: why, which ones, and what their owner does about them."""

import re

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import campaigns, ledger, progress, servers
from blaster.mail.compile import message_id
from blaster.mail.idn import ascii_domain
from blaster.queue import control, decisions
from blaster.web import htmx
from blaster.web.formatting import plural

bp = Blueprint("decisions", __name__, url_prefix="/campaigns")

PAGE = 50
SECONDS = 1.0  # that a page spends on a decision about many mails
_POSITION = re.compile("([0-9]{1,18})-([0-9]{1,18})")
NOT_YET = ("draft", "scheduled", "staging")  # nothing was sent so far
FINAL = ("cancelling", "cancelled")  # nothing can be decided any more
# class of the reply: (why it failed, what is to be known before another try)
REASONS = {
    "hard": ("No such address", "The server knows nobody there. Most will fail again, which harms your reputation."),
    "soft": ("Given up after several tries", "Full mailboxes, servers that were away or busy. Later it often works."),
    "block": ("Refused by the receiving side", "Mostly for reputation or policy. The reply says what they mind."),
    "message": ("The message could not be made", "A value of this recipient does not fit into the message."),
    "smtputf8": ("Address in another script", "The server cannot take such addresses. Another server of yours may."),
    "protocol": ("Out of step", "The server answered out of turn, several times. Another try may do better."),
}
OTHER = ("No reason on record", "The server’s reply was not kept.")


@bp.get("/<int:campaign_id>/unknown")
def unknown(campaign_id: int) -> ResponseReturnValue:
    """The mails in doubt, those that are it longest first; `?after=` goes on behind a mail."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    if campaign.status.status in NOT_YET:
        return redirect(url_for("progress.show", campaign_id=campaign_id), 303)
    accounts = {account.id: account.email for account in servers.list_accounts(current_user.id)}
    view = _page(campaign, "unknown")
    message_ids = {mail.id: _message_id(campaign, mail, accounts) for mail in view["mails"]}
    return render_template("decisions/unknown.html", accounts=accounts, message_ids=message_ids, **view)


@bp.get("/<int:campaign_id>/failed")
def failed(campaign_id: int) -> ResponseReturnValue:
    """Failures by reason, and the addresses; `?reason=` shows those of one class, `?after=` goes on behind a mail."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    if campaign.status.status in NOT_YET:
        return redirect(url_for("progress.show", campaign_id=campaign_id), 303)
    reason = request.args.get("reason")
    view = _page(campaign, "failed", reason)
    groups = decisions.failed_by_class(current_user.id, campaign_id)
    return render_template("decisions/failed.html", groups=groups, reason=reason, words=_words, **view)


def _page(campaign, status: str, reply_class: str | None = None) -> dict:
    after = request.args.get("after", "")
    mails = decisions.list_rows(
        current_user.id, campaign.campaign_id, status, _position(after), PAGE + 1, reply_class=reply_class
    )
    return {
        "campaign": campaign,
        "is_final": campaign.status.status in FINAL,
        "archived_at": ledger.archived_at(current_user.id, campaign.campaign_id),
        "mails": mails[:PAGE],
        "after": after,
        "next": f"{mails[PAGE - 1].due_at}-{mails[PAGE - 1].id}" if len(mails) > PAGE else "",
    }


def _position(after: str) -> tuple[int, int] | None:
    """What `?after=` says: when the last mail seen got its status, and its id; anything else is the first page."""
    found = _POSITION.fullmatch(after)
    return (int(found[1]), int(found[2])) if found else None


def _message_id(campaign, mail, accounts: dict[int, str]) -> str:
    """By which the provider's log can be asked; empty where nobody knows any more who sent it."""
    domain = ascii_domain(campaign.sender_email or accounts.get(mail.smtp_account_id, "")).rpartition("@")[2]
    key = current_app.config["BLASTER"].secret_key.encode()
    return message_id(mail.id, campaign.campaign_id, domain, key) if domain else ""


def _words(reply_class: str | None) -> tuple[str, str]:
    return REASONS.get(reply_class or "", OTHER)


@bp.post("/<int:campaign_id>/unknown/send-again")
@bp.post("/<int:campaign_id>/unknown/<int:mail_id>/send-again")
def send_again(campaign_id: int, mail_id: int | None = None) -> ResponseReturnValue:
    """One mail in doubt, or all of them, may go out a second time."""
    if mail_id is None:
        return _decide_all(campaign_id, "send-again", ("mail will be sent again.", "mails will be sent again."))
    done = decisions.send_again(current_user.id, campaign_id, [mail_id])
    return _decided(campaign_id, "1 mail will be sent again." if done else "", _back_to_the_list(campaign_id))


@bp.post("/<int:campaign_id>/unknown/count-as-sent")
@bp.post("/<int:campaign_id>/unknown/<int:mail_id>/count-as-sent")
def count_as_sent(campaign_id: int, mail_id: int | None = None) -> ResponseReturnValue:
    """One mail in doubt, or all of them, are taken for sent."""
    if mail_id is None:
        return _decide_all(campaign_id, "count-as-sent", ("mail counts as sent now.", "mails count as sent now."))
    done = decisions.count_as_sent(current_user.id, campaign_id, [mail_id])
    return _decided(campaign_id, "1 mail counts as sent now." if done else "", _back_to_the_list(campaign_id))


@bp.post("/<int:campaign_id>/failed/try-again")
def try_again(campaign_id: int) -> ResponseReturnValue:
    """The failed mails of the classes in the fields `reason` go back to the queue."""
    words = "mail will be tried again.", "mails will be tried again."
    return _decide_all(campaign_id, "try-again", words, request.form.getlist("reason"))


def _decide_all(campaign_id: int, kind: str, words: tuple[str, str], classes=()) -> ResponseReturnValue:
    """As many as a page has time for; the workers see to the rest. `words`: for one mail, for several."""
    decision = decisions.begin(current_user.id, campaign_id, kind, set(classes))
    decision = decisions.go_on(current_user.id, decision.id, SECONDS)
    said = plural(decision.done, *words) if decision.done else ""
    if said and not decision.finished_at:
        said += " There are more: they follow by themselves, and the counts below with them."
    return _decided(campaign_id, said, url_for("progress.show", campaign_id=campaign_id))


def _back_to_the_list(campaign_id: int) -> str:
    return url_for(".unknown", campaign_id=campaign_id, after=request.form.get("after") or None)


def _decided(campaign_id: int, words: str, url: str) -> ResponseReturnValue:
    progress.refresh(current_user.id, campaign_id)
    if words and control.state(current_user.id, campaign_id).run_state == "paused":
        words += " The campaign is paused; it goes on when you resume it."
    flash(words or "Nothing was left to decide: a worker has settled it meanwhile.", "success" if words else "info")
    return htmx.redirect(url)
