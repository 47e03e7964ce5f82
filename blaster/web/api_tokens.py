"""Tokens of programs, and what programs can do: the page of the API."""

from flask import Blueprint, current_app, flash, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import CheckboxInput, ListWidget

from blaster import api_tokens
from blaster.web import htmx
from blaster.web.api.document import document
from blaster.web.forms import Form, accepted

bp = Blueprint("api_tokens", __name__, url_prefix="/settings/api")

SCOPES = {
    "read": "Read lists, campaigns, budgets and suppressions",
    "write": "Change lists and suppressions, make drafts",
    "send": "Start, pause, resume and cancel campaigns",
}


class TokenForm(Form):
    """Fields of `api_tokens.create_token`."""

    name = StringField("What it is for")
    scopes = SelectMultipleField(
        "It may",
        choices=[SelectChoice(scope, label) for scope, label in SCOPES.items()],
        validate_choice=False,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )


@bp.route("", methods=["GET", "POST"])
def index() -> ResponseReturnValue:
    """The tokens, and a form for a new one, which is shown in the answer and never again."""
    form = TokenForm()
    if made := accepted(form, lambda: api_tokens.create_token(current_user.id, form.name.data, form.scopes.data or ())):
        return _page(TokenForm(formdata=None), made=made)
    return _page(form), 422 if form.is_submitted() else 200


def _page(form: TokenForm, **more) -> str:
    rows = api_tokens.list_tokens(current_user.id)
    calls = current_app.config["BLASTER"].api_calls
    return render_template("api/tokens.html", form=form, tokens=rows, scopes=SCOPES, calls=calls, **more)


@bp.post("/<int:token_id>/revoke")
def revoke(token_id: int) -> ResponseReturnValue:
    """Nobody gets in by it any more."""
    flash(f"The token “{api_tokens.revoke(current_user.id, token_id)}” is revoked.", "success")
    return htmx.redirect(url_for(".index"))


@bp.get("/reference")
def reference() -> str:
    """The document, as people read it."""
    return render_template("api/reference.html", document=document())
