"""For administrators: how the installation fares. No address and no content of anybody's mail."""

from flask import Blueprint, abort, render_template
from flask_login import current_user

from blaster import capacity as figures

bp = Blueprint("admin", __name__, url_prefix="/admin")


@bp.before_request
def _admins_only() -> None:
    if not current_user.is_admin:
        abort(403)


@bp.get("/capacity")
def capacity() -> str:
    """Demand against supply, workers, queue."""
    return render_template("admin/capacity.html", figures=figures.monitoring())


@bp.get("/capacity/live")
def live() -> str:
    """The same as a fragment that refreshes itself."""
    return render_template("admin/_capacity.html", figures=figures.monitoring())
