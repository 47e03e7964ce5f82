"""The last look before a campaign starts: what goes to whom, what is missing, how long it takes."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import campaigns
from blaster.queue import control
from blaster.web import htmx, supply

bp = Blueprint("review", __name__, url_prefix="/campaigns")


@bp.get("/<int:campaign_id>/review")
def show(campaign_id: int) -> ResponseReturnValue:
    """A draft as it would be sent; a started campaign is shown on its progress page."""
    review = _review(campaign_id)
    if review.campaign.status.status != "draft":
        return redirect(url_for("progress.show", campaign_id=campaign_id), 303)
    return render_template("campaigns/review.html", review=review)


@bp.post("/<int:campaign_id>/start")
def start(campaign_id: int) -> ResponseReturnValue:
    """Hand the campaign over to the workers, unless something is missing."""
    review = _review(campaign_id)
    if review.problems:
        return render_template("campaigns/review.html", review=review), 422
    started = campaigns.start(current_user.id, campaign_id)
    content = {name: getattr(started, name) for name in control.CONTENT}
    control.open_campaign(current_user.id, campaign_id, started.list_id, started.stage_until, content)
    flash("The campaign has started.", "success")
    return htmx.redirect(url_for("progress.show", campaign_id=campaign_id))


def _review(campaign_id: int):
    accounts = [line.account for line in supply.lines(current_user.id) if line.state != "inactive"]
    return campaigns.review(current_user.id, campaign_id, accounts=accounts)
