"""What a campaign came to, as rates that say what they are a part of."""

from collections.abc import Iterator

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import campaigns, results
from blaster.mail import marks
from blaster.queue import guard, hits
from blaster.rates import OF
from blaster.results import Results
from blaster.web.decisions import NOT_YET
from blaster.web.downloads import csv_file

bp = Blueprint("results", __name__, url_prefix="/campaigns")

AGE = 30_000  # ms that a count is good for
HEADER = ("what", "link", "people", "machines only", "of", "share of people (%)")


@bp.get("/<int:campaign_id>/results")
def show(campaign_id: int) -> ResponseReturnValue:
    """Delivered, left, complained; opened and clicked where the campaign counts that."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    if campaign.status.status in NOT_YET:
        return redirect(url_for("progress.show", campaign_id=campaign_id), 303)
    view = {"found": _found(campaign), "marks": marks.all_marks(), "of": OF, "limits": guard.STOP}
    return render_template("campaigns/results.html", campaign=campaign, **view)


def _found(campaign) -> Results:
    if campaign.tracks_opens or campaign.tracks_clicks:
        hits.count(campaign.campaign_id, AGE)
    return results.of(current_user.id, campaign.campaign_id)


@bp.get("/<int:campaign_id>/results.csv")
def export(campaign_id: int) -> ResponseReturnValue:
    """The same as a file."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    if campaign.status.status in NOT_YET:
        return redirect(url_for("progress.show", campaign_id=campaign_id), 303)
    return csv_file(f"{campaign.name} results", HEADER, _rows(_found(campaign)))


def _rows(found: Results) -> Iterator[tuple]:
    figures = found.figures
    yield from ((name, "", getattr(figures, name), "", "", "") for name in ("tried", "sent", "delivered"))
    machines = {"opened": found.machines[results.OPENED], "clicked": found.machines[results.CLICKED]}
    for name, of in OF.items():
        if getattr(figures, name) is not None:
            yield (name, "", getattr(figures, name), machines.get(name, ""), of, _percent(figures.share(name)))
    for link in found.links:
        share = link.people / figures.delivered if figures.delivered else 0
        yield ("clicked link", link.url, link.people, link.machines, "delivered", _percent(share))


def _percent(share: float) -> str:
    return f"{share * 100:.2f}"
