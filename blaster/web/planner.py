"""What if: how long so many mails take with so many accounts. Nothing is stored."""

from collections import Counter

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from blaster import forecast, rehearsal, servers, windows
from blaster.errors import Invalid
from blaster.forecast import Plan
from blaster.rehearsal import Account, Campaign
from blaster.web import outlook
from blaster.web.forms import NumberField, refuse, whole_number
from blaster.web.schedule import OFFICE, HoursForm

bp = Blueprint("planner", __name__, url_prefix="/planner")

HIGHEST = {"mails": 1_000_000, "accounts": 1_000, "hourly": 1_000_000, "daily": 1_000_000, "speed": 1_000}
_TARGET = 1


class PlannerForm(HoursForm):
    """The question; without a day chosen, mail may go out at any time."""

    mails = NumberField("Mails")
    accounts = NumberField("Accounts")
    hourly = NumberField("Hourly limit of each")
    daily = NumberField("Daily limit of each")
    speed = NumberField("Mails a second of each")


@bp.get("")
def show() -> ResponseReturnValue:
    """The form, and the answer to what it asks; the address holds the question, so that it can be passed on."""
    form = PlannerForm(MultiDict({**_usual(), **request.args.to_dict(flat=False)}))
    try:
        plan = _plan(form)
    except Invalid as error:
        for name, sentence in error.errors.items():
            refuse(form, name, sentence)
        return render_template("planner/index.html", form=form, plan=None), 422
    view = {"plan": plan, "chart": outlook.chart(plan, _TARGET), "now": outlook.now()}
    return render_template("planner/index.html", form=form, **view)


def _usual() -> dict[str, str]:
    """What is offered first: accounts like those that the user has."""
    active = [account for account in servers.list_accounts(current_user.id) if account.is_active]
    limits = Counter((account.hourly_limit, account.daily_limit) for account in active).most_common(1)
    hourly, daily = limits[0][0] if limits else (50, 500)
    _, opens, closes = OFFICE
    numbers = {"mails": 10_000, "accounts": len(active) or 10, "hourly": hourly, "daily": daily}
    hours = {"opens": opens, "closes": closes, "zone": current_user.time_zone}
    return {name: str(value) for name, value in {**numbers, "speed": round(rehearsal.RATE), **hours}.items()}


def _plan(form: PlannerForm) -> Plan:
    errors: dict[str, str] = {}
    of = {name: whole_number(form[name].data, name, highest, errors) for name, highest in HIGHEST.items()}
    hours = None
    try:
        if form.days.data:
            hours = windows.from_words(form.zone.data, form.days.data, form.opens.data, form.closes.data)
    except Invalid as error:
        errors |= error.errors
    if errors:
        raise Invalid(errors)
    account = Account(of["hourly"], of["daily"], rate=of["speed"], windows=hours)
    return forecast.plan([account] * of["accounts"], [Campaign(_TARGET, of["mails"])], outlook.now(), _TARGET)
