"""The first page: what runs, what may still be sent, and where to begin."""

from zlib import crc32

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import campaigns, recipients, servers
from blaster.web import htmx, supply
from blaster.web.polls import REFRESH

bp = Blueprint("dashboard", __name__)

SHOWN = 8


@bp.get("/")
def index() -> str:
    """The whole page; a newcomer finds the steps up to the first campaign."""
    view = _campaigns()
    steps = {} if view["started"] else _steps(view)
    return render_template("dashboard/index.html", steps=steps, **view)


@bp.get("/dashboard/campaigns")
def recent() -> ResponseReturnValue:
    """Figures and campaigns as a fragment that refreshes itself."""
    view = _campaigns()
    return (
        htmx.not_modified() if htmx.unchanged(view["version"]) else render_template("dashboard/_campaigns.html", **view)
    )


def _campaigns() -> dict:
    total = supply.total(supply.lines(current_user.id))
    found = campaigns.list_campaigns(current_user.id)
    shown = [(campaign, supply.shown_state(campaign, total)) for campaign in found[:SHOWN]]
    watched = [campaign for campaign in found if campaign.status.status in REFRESH]
    open_ones = [campaign.status for campaign in watched if campaign.status.status != "scheduled"]
    states = [supply.shown_state(campaign, total) for campaign in watched]
    view = {
        "overdue": [campaign for campaign, state in zip(watched, states, strict=True) if state == "overdue"],
        "campaigns": shown,
        "supply": total,
        "count": len(found),
        "running": len(open_ones),
        "queued": sum(status.pending_emails + status.active_emails for status in open_ones),
        "rate": sum(status.emails_per_minute for status in open_ones),
        "started": any(campaign.status.status != "draft" for campaign in found),
        "seconds": min((REFRESH[state] for state in states if state in REFRESH), default=None),
    }
    return view | {"version": _version(view)}


def _version(view: dict) -> str:
    """Changes with anything the fragment shows."""
    seen = [(c.campaign_id, c.name, state, c.status.__data__) for c, state in view["campaigns"]]
    return f"{crc32(repr((seen, len(view['overdue']), view['supply'], view['queued'], view['rate'])).encode()):08x}"


def _steps(view: dict) -> dict[str, bool | int]:
    """What is done already; `server`: the id of the newest one, 0 for none."""
    owned = servers.list_servers(current_user.id)
    return {
        "server": owned[-1].id if owned else 0,
        "account": view["supply"].accounts > 0,
        "list": any(found.size for found in recipients.list_lists(current_user.id)),
        "campaign": view["count"] > 0,
    }
