"""A campaign's latest mails by account, receiving domain and reason."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import breakdown, campaigns, ledger, servers
from blaster.web.decisions import NOT_YET, OTHER, REASONS

bp = Blueprint("breakdown", __name__, url_prefix="/campaigns")


@bp.get("/<int:campaign_id>/breakdown")
def show(campaign_id: int) -> ResponseReturnValue:
    """A page of its own: it reads thousands of rows, which the page that refreshes itself must not."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    if campaign.status.status in NOT_YET:
        return redirect(url_for("progress.show", campaign_id=campaign_id), 303)
    found = breakdown.of(current_user.id, campaign_id)
    names = {account.id: account.email for account in servers.list_accounts(current_user.id)}
    accounts = [
        (names.get(account_id, "No account of yours any more"), counts) for account_id, counts in found.accounts
    ]
    words = {"reasons": REASONS, "other": OTHER, "sample": breakdown.SAMPLE}
    archived_at = ledger.archived_at(current_user.id, campaign_id)
    view = {"campaign": campaign, "found": found, "accounts": accounts, "archived_at": archived_at}
    return render_template("campaigns/breakdown.html", **view, **words)
