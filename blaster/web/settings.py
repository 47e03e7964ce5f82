"""What a person sets for themselves."""

from flask import Blueprint, flash, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import StringField, TextAreaField

from blaster import users
from blaster.web import htmx
from blaster.web.forms import Form, ZoneField, accepted

bp = Blueprint("settings", __name__, url_prefix="/settings")


class ProfileForm(Form):
    """Fields of `users.edit_profile`."""

    name = StringField("Name")
    time_zone = ZoneField("Time zone")


class SenderForm(Form):
    """Fields of `users.edit_sender`."""

    organisation = StringField("Sender")
    postal_address = TextAreaField("Postal address")


@bp.route("", methods=["GET", "POST"])
def profile() -> ResponseReturnValue:
    """Name and time zone."""
    form = ProfileForm(obj=users.get(current_user.id))
    if accepted(form, lambda: users.edit_profile(current_user.id, **form.data)):
        flash("Settings saved.", "success")
        return htmx.redirect(url_for(".profile"))
    return _page("settings/_profile.html", form, sender=_unsent(SenderForm))


@bp.post("/sender")
def sender() -> ResponseReturnValue:
    """What the footer of each mail says."""
    form = SenderForm()
    if accepted(form, lambda: users.edit_sender(current_user.id, **form.data)):
        flash("Settings saved. They hold for campaigns that start from now on.", "success")
        return htmx.redirect(url_for(".profile"))
    return _page("settings/_sender.html", _unsent(ProfileForm), sender=form)


def _unsent(kind: type[Form]) -> Form:
    """The form of the page that was not the one sent."""
    return kind(formdata=None, obj=users.get(current_user.id))


def _page(fragment: str, form: Form, sender: Form) -> ResponseReturnValue:
    if htmx.is_htmx():
        return render_template(fragment, form=form, sender=sender), 422
    refused = form.errors or form.form_errors or sender.errors or sender.form_errors
    return render_template("settings/index.html", form=form, sender=sender), 422 if refused else 200
