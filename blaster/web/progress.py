"""A started campaign: what it is doing and why it waits; pause, resume, cancel."""

import time

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import campaigns, pace, progress, senders
from blaster.models.campaign_db import CampaignStatus
from blaster.queue import control, decisions, domains, guard
from blaster.web import audited, charts, htmx, outlook, polls, supply, waiting
from blaster.web.polls import REFRESH

bp = Blueprint("progress", __name__, url_prefix="/campaigns")

FORETOLD = ("scheduled", "staging", "running", "waiting")
ACCOUNTS = 20  # shown; more would hide the errors below them


@bp.get("/<int:campaign_id>")
def show(campaign_id: int) -> ResponseReturnValue:
    """The page of a started campaign; a draft is shown as it would be sent."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    if campaign.status.status == "draft":
        return redirect(url_for("review.show", campaign_id=campaign_id), 303)
    return render_template("campaigns/show.html", **_view(campaign))


@bp.get("/<int:campaign_id>/progress")
def fragment(campaign_id: int) -> ResponseReturnValue:
    """What refreshes itself, where `polls` found more than new counters. `?status=`: what the page was made for."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    status = campaign.status
    if status.status == "draft" or not htmx.is_htmx():
        return redirect(url_for(".show", campaign_id=campaign_id), 303)
    if request.args.get("status", status.status) != status.status:
        # The buttons around the fragment change with the status.
        return Response(status=204, headers={"HX-Refresh": "true"})
    drawn = polls.whole(status.__data__, lambda: render_template("campaigns/_progress.html", **_view(campaign)))
    return drawn, htmx.instead("#progress")


def _chart(campaign) -> charts.Bars | None:
    status = campaign.status
    if not status.started_at:
        return None
    until = status.finished_at or time.time_ns() // 1_000_000
    found = pace.columns(current_user.id, campaign.campaign_id, status.started_at, until)
    return charts.bars(found, pace.step(until - status.started_at) // pace.MINUTE) if found else None


def _view(campaign) -> dict:
    status = campaign.status
    lines = [line for line in supply.lines(current_user.id) if line.state != "inactive"]
    domain = senders.domain_of(campaign.sender_email)
    fitting = [line for line in lines if senders.may_send_as(line.account, domain)]
    state, reasons = _state(campaign, fitting)
    if state == "waiting" and lines and not fitting:
        reasons = [waiting.Reason(f"No SMTP account may send from {domain}", 0, 0)]
    lines = fitting
    rates, held = guard.outlook(current_user.id, campaign.campaign_id) if status.status != "scheduled" else ([], "")
    view = {
        "state": state,
        "rates": [rate for rate in rates if rate.level],
        "held": held,
        "resting": domains.resting(current_user.id) if state in REFRESH else [],
        "reasons": reasons,
        "lines": lines[:ACCOUNTS] if state in REFRESH and state != "scheduled" else [],
        "errors": _errors(status),
        "chart": _chart(campaign),
        "plan": outlook.live(campaign, lines) if state in FORETOLD else None,
    }
    deciding = _deciding(status)
    shown = polls.version(status.__data__, waits=state == "waiting")
    view |= polls.counters(status.__data__, shown, url_for)
    view["seconds"] = REFRESH.get(state) or (None if deciding is None else REFRESH["running"])
    return view | {"campaign": campaign, "status": status, "deciding": deciding}


def _deciding(status: CampaignStatus) -> int | None:
    """Of many mails that were decided about at once: how many are done, while there are more."""
    if not status.failed_emails and not status.unknown_emails:
        return None
    return decisions.under_way(current_user.id, status.campaign_id)


def _state(campaign, lines: list[supply.Line]) -> tuple[str, list[waiting.Reason]]:
    """What people see: `running` with nothing that may be sent now is `waiting`, for these reasons."""
    status = campaign.status
    state = supply.shown_state(campaign, supply.total(lines))
    if status.status != "running" or status.active_emails or not status.pending_emails:
        return state if status.status == "scheduled" else status.status, []
    if opens_at := supply.opens_at(campaign):
        return "waiting", [waiting.Reason(supply.CLOSED, 0, opens_at)]
    if state == "waiting":
        return "waiting", waiting.reasons(lines)
    later = progress.next_attempt(current_user.id, status.campaign_id) or 0
    if later > time.time() * 1000:
        return "waiting", [
            waiting.Reason("The mails that are left met a passing refusal and are tried again", 0, later)
        ]
    return "running", []


def _errors(status: CampaignStatus) -> list:
    if not status.failed_emails and not status.unknown_emails:
        return []
    return progress.last_errors(current_user.id, status.campaign_id)


@bp.post("/<int:campaign_id>/pause")
def pause(campaign_id: int) -> ResponseReturnValue:
    """Server 2 decides, so that workers stop at once; the page mirrors it."""
    control.pause(current_user.id, campaign_id)
    return _changed(campaign_id, "paused", "Paused. Mails already on their way still arrive.")


@bp.post("/<int:campaign_id>/resume")
def resume(campaign_id: int) -> ResponseReturnValue:
    """Go on where it stopped; where the guard rails stopped it, only with its owner's word (`understood`)."""
    if guard.outlook(current_user.id, campaign_id)[1]:
        if not request.form.get("understood"):
            audited.refuse()
            flash("Tick the box first: it says what may happen.", "error")
            return htmx.redirect(url_for(".show", campaign_id=campaign_id))
        guard.understood(current_user.id, campaign_id)
    state = control.resume(current_user.id, campaign_id)
    return _changed(campaign_id, state, "The campaign goes on.")


@bp.post("/<int:campaign_id>/cancel")
def cancel(campaign_id: int) -> ResponseReturnValue:
    """End it; the workers mark what was not sent."""
    control.cancel(current_user.id, campaign_id)
    return _changed(campaign_id, "cancelling", "Cancelled. What is not sent yet stays unsent.")


def _changed(campaign_id: int, status: str, words: str) -> ResponseReturnValue:
    campaigns.mirror(current_user.id, campaign_id, status)
    flash(words, "success")
    return htmx.redirect(url_for(".show", campaign_id=campaign_id))
