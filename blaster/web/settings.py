"""What a person sets for themselves."""

from flask import Blueprint, flash, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import StringField

from blaster import users
from blaster.web import htmx
from blaster.web.forms import Form, ZoneField, accepted

bp = Blueprint("settings", __name__, url_prefix="/settings")


class ProfileForm(Form):
    """Fields of `users.edit_profile`."""

    name = StringField("Name")
    time_zone = ZoneField("Time zone")


@bp.route("", methods=["GET", "POST"])
def profile() -> ResponseReturnValue:
    """Name and time zone."""
    form = ProfileForm(obj=users.get(current_user.id))
    if accepted(form, lambda: users.edit_profile(current_user.id, **form.data)):
        flash("Settings saved.", "success")
        return htmx.redirect(url_for(".profile"))
    return htmx.form_page("settings/index.html", "settings/_profile.html", form)
