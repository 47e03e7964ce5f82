"""For administrators: how the installation fares, what a larger one needs. No address and no content of any mail."""

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from blaster import capacity
from blaster.capacity import plan
from blaster.errors import Invalid
from blaster.web import admins
from blaster.web.forms import Form, NumberField, refuse, whole_number

bp = Blueprint("admin", __name__, url_prefix="/admin")

HIGHEST = {
    "users": 100_000,
    "mails": 1_000_000,
    "kept": 3_650,
    "servers": 1_000,
    "accounts": 10_000,
    "hourly": 1_000_000,
    "daily": 1_000_000,
}


class PlanForm(Form):
    """Fields of `capacity.plan.Question`."""

    users = NumberField("Users")
    mails = NumberField("Mails of each, a day")
    kept = NumberField("Days that mails are kept")
    servers = NumberField("SMTP servers of each")
    accounts = NumberField("SMTP accounts of each")
    hourly = NumberField("Hourly limit of an account")
    daily = NumberField("Daily limit of an account")


bp.before_request(admins.only)


@bp.get("/capacity")
def overview() -> str:
    """Demand against supply, who works, how much is queued."""
    return render_template("admin/capacity.html", **_view())


@bp.get("/capacity/live")
def live() -> str:
    """The same as a fragment that refreshes itself."""
    return render_template("admin/_capacity.html", **_view())


def _view() -> dict:
    return {"seen": capacity.monitoring(), "many": current_app.config["BLASTER"].campaigns_warning}


@bp.get("/capacity/plan")
def planner() -> ResponseReturnValue:
    """A calculator; the address holds the question, so that it can be passed on."""
    usual = {name: str(value) for name, value in vars(plan.Question()).items()}
    form = PlanForm(MultiDict({**usual, **request.args.to_dict()}))
    try:
        found = plan.plan(_question(form))
    except Invalid as error:
        for name, sentence in error.errors.items():
            refuse(form, name, sentence)
        return render_template("admin/plan.html", form=form, plan=None, highest=HIGHEST), 422
    return render_template("admin/plan.html", form=form, plan=found, highest=HIGHEST)


def _question(form: PlanForm) -> plan.Question:
    errors: dict[str, str] = {}
    numbers = {name: whole_number(form[name].data, name, highest, errors) for name, highest in HIGHEST.items()}
    if errors:
        raise Invalid(errors)
    return plan.Question(**numbers)
