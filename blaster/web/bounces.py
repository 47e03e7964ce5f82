"""What came back of a campaign, by class."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import bounces, campaigns
from blaster.queue import domains, guard
from blaster.web.decisions import NOT_YET
from blaster.web.forms import row_id

bp = Blueprint("bounces", __name__, url_prefix="/campaigns")

PAGE = 50
# class: (what happened, what follows from it)
WORDS = {
    "hard": ("No such address", "Suppressed at once: it gets no mail from you any more."),
    "complaint": ("Reported as spam", "Suppressed for good, for everybody who sends from here."),
    "disabled": ("Mailbox switched off", "Suppressed if that happens twice within 30 days."),
    "quota": ("Mailbox full", "Suppressed after five mails in a row, over two weeks or more."),
    "soft": ("Passing trouble", "Suppressed after five mails in a row, over two weeks or more."),
    "block": ("Not wanted there", "About you, not the address. After several the domain rests for an hour or more."),
    "message": ("Too large or malformed", "About the message: look at its size and its parts."),
}


@bp.get("/<int:campaign_id>/bounces")
def show(campaign_id: int) -> ResponseReturnValue:
    """Counts and addresses; `?class=` shows those of one class, `?before=` goes on."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    if campaign.status.status in NOT_YET:
        return redirect(url_for("progress.show", campaign_id=campaign_id), 303)
    chosen, before = request.args.get("class", ""), request.args.get("before", 0, type=row_id)
    found = bounces.list_bounces(
        current_user.id, campaign_id, bounce_class=chosen, before=max(0, before), limit=PAGE + 1
    )
    return render_template(
        "bounces/show.html",
        campaign=campaign,
        counts=bounces.counts(current_user.id, campaign_id),
        rows=found[:PAGE],
        more=len(found) > PAGE,
        asked={"class": chosen, "before": before},
        words=WORDS,
        rates=guard.outlook(current_user.id, campaign_id)[0],
        resting=domains.resting(current_user.id),
    )
