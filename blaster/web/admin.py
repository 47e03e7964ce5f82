"""For administrators: how the installation fares. No address and no content of anybody's mail."""

from flask import Blueprint, abort, current_app, render_template
from flask_login import current_user

from blaster import capacity

bp = Blueprint("admin", __name__, url_prefix="/admin")


@bp.before_request
def _admins_only() -> None:
    if not current_user.is_admin:
        abort(403)


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
