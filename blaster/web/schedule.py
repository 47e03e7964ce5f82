"""When a campaign starts, and the hours in which campaigns and accounts send."""

import time
from datetime import timedelta

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import CheckboxInput, ListWidget

from blaster import campaigns, schedule, servers, windows, zones
from blaster.errors import Conflict, Invalid
from blaster.models.campaign_db import CampaignStatus
from blaster.queue import control
from blaster.web import htmx, launch
from blaster.web.forms import Form, ZoneField, accepted
from blaster.windows import Windows

bp = Blueprint("schedule", __name__)

OFFICE = ([0, 1, 2, 3, 4], "08:00", "18:00")


class ScheduleForm(Form):
    """Fields of `schedule.schedule`."""

    start_at = StringField("Day and time")
    zone = ZoneField("Time zone")


class HoursForm(Form):
    """Fields of `windows.from_words`."""

    days = SelectMultipleField(
        "Days",
        choices=[SelectChoice(str(number), day) for number, day in enumerate(windows.DAYS)],
        coerce=str,
        validate_choice=False,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    opens = StringField("From")
    closes = StringField("To")
    zone = ZoneField("Time zone")


@bp.route("/campaigns/<int:campaign_id>/schedule", methods=["GET", "POST"])
def later(campaign_id: int) -> ResponseReturnValue:
    """Let a draft start by itself, or a scheduled campaign at another time."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    if campaign.status.status not in ("draft", "scheduled"):
        raise Conflict("This campaign was started already.")
    form = ScheduleForm(data=_planned(campaign.status))
    if odd := accepted(form, lambda: _schedule(campaign_id, form)):
        flash(f"Scheduled. {'' if odd is True else odd}".strip(), "success" if odd is True else "warning")
        return htmx.redirect(url_for("progress.show", campaign_id=campaign_id))
    return htmx.form_page("schedule/later.html", "schedule/_later.html", form, campaign=campaign)


def _schedule(campaign_id: int, form: ScheduleForm) -> str | None:
    problems = launch.look_over(current_user.id, campaign_id).problems
    if problems:
        raise Invalid({"": f"It is not ready to start: {problems[0].text}"})
    return schedule.schedule(current_user.id, campaign_id, form.start_at.data, form.zone.data) or None


def _planned(status: CampaignStatus) -> dict[str, str]:
    """The time chosen so far, or tomorrow morning."""
    zone = status.start_zone or current_user.time_zone
    tomorrow = zones.wall_of(time.time_ns() // 1_000_000, zone).replace(hour=8, minute=0) + timedelta(days=1)
    chosen = zones.wall_of(status.start_at, zone) if status.start_at else tomorrow
    return {"start_at": f"{chosen:%Y-%m-%dT%H:%M}", "zone": zone}


@bp.post("/campaigns/<int:campaign_id>/unschedule")
def unschedule(campaign_id: int) -> ResponseReturnValue:
    """Back to the drafts."""
    schedule.unschedule(current_user.id, campaign_id)
    flash("This is a draft again. It does not start by itself.", "success")
    return htmx.redirect(url_for("review.show", campaign_id=campaign_id))


@bp.route("/campaigns/<int:campaign_id>/hours", methods=["GET", "POST"])
def campaign_hours(campaign_id: int) -> ResponseReturnValue:
    """The sending hours of a campaign, also of one under way."""
    campaign = campaigns.get_campaign(current_user.id, campaign_id)
    back = url_for("progress.show", campaign_id=campaign_id)

    def save(hours: Windows | None) -> None:
        if schedule.set_windows(current_user.id, campaign_id, hours):
            control.set_windows(current_user.id, campaign_id, windows.store(hours))

    return _hours(campaign.send_windows, save, back, campaign.name)


@bp.route("/accounts/<int:account_id>/hours", methods=["GET", "POST"])
def account_hours(account_id: int) -> ResponseReturnValue:
    """The sending hours of an account, whatever campaign it sends."""
    account = servers.get_account(current_user.id, account_id)
    back = url_for("accounts.edit", account_id=account_id)

    def save(hours: Windows | None) -> None:
        servers.set_windows(current_user.id, account_id, windows.store(hours))

    return _hours(account.send_windows, save, back, account.email)


def _hours(stored: str | None, save, back: str, name: str) -> ResponseReturnValue:
    form = HoursForm(data=_shown(windows.load(stored)))

    def chosen() -> None:
        values = (form.zone.data, form.days.data, form.opens.data, form.closes.data)
        save(None if "always" in request.form else windows.from_words(*values))

    if accepted(form, chosen):
        flash("Sending hours saved.", "success")
        return htmx.redirect(back)
    view = {"back": back, "name": name, "hours": windows.load(stored)}
    return htmx.form_page("schedule/hours.html", "schedule/_hours.html", form, **view)


def _shown(hours: Windows | None) -> dict:
    days, opens, closes = OFFICE
    if hours:
        days, opens, closes = hours.days, *(windows.clock(m % windows.MIDNIGHT) for m in (hours.opens, hours.closes))
    zone = hours.zone if hours else current_user.time_zone
    return {"days": [str(day) for day in days], "opens": opens, "closes": closes, "zone": zone}
