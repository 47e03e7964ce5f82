"""The last look before a campaign starts: what goes to whom, what is missing, how long it takes."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import campaigns, recipients, senders
from blaster.review import Review
from blaster.web import htmx, launch, looks, outlook, supply

bp = Blueprint("review", __name__, url_prefix="/campaigns")


@bp.get("/<int:campaign_id>/review")
def show(campaign_id: int) -> ResponseReturnValue:
    """A draft as it would be sent; a started campaign is shown on its progress page.

    `?viewer_id=`, `step`, `search`: as which recipient gets it; `?part=text`: its plain text. htmx gets the preview
    alone.
    """
    if htmx.is_htmx():
        return render_template("campaigns/_shown.html", **_shown(campaigns.get_campaign(current_user.id, campaign_id)))
    view = _view(campaign_id)
    if view["review"].campaign.status.status != "draft":
        return redirect(url_for("progress.show", campaign_id=campaign_id), 303)
    return render_template("campaigns/review.html", **view)


@bp.post("/<int:campaign_id>/start")
def start(campaign_id: int) -> ResponseReturnValue:
    """Hand the campaign over to the workers, unless something is missing."""
    view = _view(campaign_id)
    if view["review"].problems:
        return render_template("campaigns/review.html", **view), 422
    launch.start(current_user.id, campaign_id)
    flash("The campaign has started.", "success")
    return htmx.redirect(url_for("progress.show", campaign_id=campaign_id))


def _view(campaign_id: int) -> dict:
    user_id, lines = current_user.id, supply.lines(current_user.id)
    review = launch.look_over(user_id, campaign_id, launch.usable(lines))
    list_id, domain = review.campaign.list_id, senders.domain_of(review.campaign.sender_email)
    lines = [line for line in lines if senders.may_send_as(line.account, domain)]
    return {
        "review": review,
        "list": recipients.get_list(user_id, list_id) if list_id else None,
        "accounts": launch.usable(lines),
        **_shown(review.campaign),
        **_outlook(review, lines),
        "links": {
            "accounts": url_for("servers.index"),
            "list": url_for("imports.add", list_id=list_id) if list_id else "",
            "edit": url_for("campaigns.edit", campaign_id=campaign_id),
            "settings": url_for("settings.profile", _anchor="sender"),
            "addresses": url_for("trial.addresses"),
        },
    }


def _shown(campaign) -> dict:
    viewer = looks.viewer(campaign.list_id)
    part = "text" if request.args.get("part") == "text" else "html"
    asked = {"part": part, "viewer_id": viewer.id if viewer else None, "search": request.args.get("search") or None}
    return {"campaign": campaign, "viewer": viewer, "asked": asked, "line": looks.lines(campaign, viewer)}


def _outlook(review: Review, lines: list[supply.Line]) -> dict:
    if review.problems or not review.recipients:
        return {"plan": None}
    plan = outlook.foretell(review.campaign, lines, mails=review.recipients)
    return {"plan": plan, "chart": outlook.chart(plan, review.campaign.campaign_id)}
