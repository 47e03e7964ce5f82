"""The door to the pages of administrators."""

from flask import abort, current_app, flash, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster.web import htmx


def only() -> ResponseReturnValue | None:
    """To be called before a view: 403 for users; an administrator who needs a second factor is led to it."""
    if not current_user.is_admin:
        abort(403)
    if current_app.config["BLASTER"].admin_second_factor and not current_user.has_second_factor:
        flash("Administrators need a second factor here. Set it up to go on.", "warning")
        return htmx.redirect(url_for("second_factor.show"))
    return None
