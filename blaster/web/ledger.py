"""The ledger of a campaign on the screen and as a file: every recipient, what became of them, and who said so."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import campaigns, ledger, servers
from blaster.csv_export import instant
from blaster.ledger import Question
from blaster.web.decisions import NOT_YET, REASONS
from blaster.web.downloads import csv_file

bp = Blueprint("ledger", __name__, url_prefix="/campaigns")

PAGE = 50
HEADER = ("address", "state", "account", "time (UTC)", "attempts", "reply class", "reply code", "reply")


@bp.get("/<int:campaign_id>/recipients")
def show(campaign_id: int) -> ResponseReturnValue:
    """One page of it; `?state=`, `?reason=` (a class of reply) and `?search=` choose, `?after=` goes on."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    if campaign.status.status in NOT_YET:
        return redirect(url_for("progress.show", campaign_id=campaign_id), 303)
    asked, after = _asked(), request.args.get("after", "")
    mails = ledger.page(current_user.id, campaign_id, asked, after, PAGE + 1)
    return render_template(
        "ledger/show.html",
        campaign=campaign,
        asked=asked,
        choice=_choice(campaign_id, asked),
        after=after,
        mails=mails[:PAGE],
        archived_at=ledger.archived_at(current_user.id, campaign_id),
        next=ledger.position(asked, mails[PAGE - 1]) if len(mails) > PAGE else "",
        states=[(state, getattr(campaign.status, f"{state}_emails")) for state in ledger.STATES],
        reasons={name: title for name, (title, _) in REASONS.items()},
        accounts=_accounts(),
    )


def _asked() -> Question:
    given = {name: request.args.get(name, "").strip() for name in ("state", "reason", "search")}
    state = "failed" if given["reason"] else given["state"]
    return Question(state if state in ledger.STATES else "", given["reason"], given["search"])


def _choice(campaign_id: int, asked: Question) -> dict:
    """What keeps a link on the same choice."""
    chosen = {"state": asked.state, "reason": asked.reply_class, "search": asked.search}
    return {"campaign_id": campaign_id, **{name: value for name, value in chosen.items() if value}}


def _accounts() -> dict[int, str]:
    return {account.id: account.email for account in servers.list_accounts(current_user.id)}


@bp.get("/<int:campaign_id>/recipients.csv")
def export(campaign_id: int) -> ResponseReturnValue:
    """All that the same choice shows, as a file."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    if campaign.status.status in NOT_YET:
        return redirect(url_for("progress.show", campaign_id=campaign_id), 303)
    mails, accounts = ledger.every(current_user.id, campaign_id, _asked()), _accounts()
    return csv_file(f"{campaign.name} recipients", HEADER, (_cells(mail, accounts) for mail in mails))


def _cells(mail, accounts: dict[int, str]) -> tuple:
    account = accounts.get(mail.smtp_account_id, "")
    reply = (mail.reply_class, mail.smtp_code, mail.smtp_text)
    return (mail.email, mail.status, account, instant(mail.due_at), mail.attempts, *reply)
