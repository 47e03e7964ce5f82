"""Addresses of one's own that are told of events, and what was told to them."""

from flask import Blueprint, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import CheckboxInput, ListWidget

from blaster import webhooks
from blaster.web import htmx
from blaster.web.forms import Form, accepted
from blaster.webhooks import delivery, outbox

bp = Blueprint("webhooks", __name__, url_prefix="/settings/webhooks")

EVENTS = {
    "campaign.finished": "A campaign has finished",
    "recipient.bounced": "A mail came back",
    "recipient.complained": "A recipient complained",
    "recipient.unsubscribed": "A recipient unsubscribed",
}


class WebhookForm(Form):
    """Fields of `webhooks.add_webhook`."""

    url = StringField("Address")
    events = SelectMultipleField(
        "It is told when",
        choices=[SelectChoice(event, label) for event, label in EVENTS.items()],
        validate_choice=False,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )

    def values(self) -> dict:
        return {"url": self.url.data, "events": self.events.data or ()}


@bp.route("", methods=["GET", "POST"])
def index() -> ResponseReturnValue:
    """The webhooks, and a form for a new one, whose secret is shown in the answer and never again."""
    form = WebhookForm()
    if made := accepted(form, lambda: webhooks.add_webhook(current_user.id, **form.values())):
        return _page(made[0].id, secret=made[1])
    found = webhooks.list_webhooks(current_user.id)
    return render_template("webhooks/index.html", form=form, webhooks=found), 422 if form.is_submitted() else 200


@bp.route("/<int:webhook_id>", methods=["GET", "POST"])
def show(webhook_id: int) -> ResponseReturnValue:
    """One webhook: its fields, and the last deliveries."""
    webhook = webhooks.get_webhook(current_user.id, webhook_id)
    form = WebhookForm(data={"url": webhook.url, "events": webhook.events.split()})
    if accepted(form, lambda: webhooks.edit_webhook(current_user.id, webhook_id, **form.values())):
        flash("Webhook saved.", "success")
        return htmx.redirect(url_for(".show", webhook_id=webhook_id))
    return _page(webhook_id, form), 422 if form.is_submitted() else 200


def _page(webhook_id: int, form: WebhookForm | None = None, secret: str = "") -> str:
    webhook = webhooks.get_webhook(current_user.id, webhook_id)
    form = form or WebhookForm(formdata=None, data={"url": webhook.url, "events": webhook.events.split()})
    told = webhooks.list_deliveries(current_user.id, webhook_id)
    return render_template("webhooks/show.html", webhook=webhook, form=form, told=told, secret=secret)


@bp.post("/<int:webhook_id>/test")
def test(webhook_id: int) -> ResponseReturnValue:
    """Tell it something now, and say what came of it."""
    made = outbox.emit_test(current_user.id, webhook_id)
    arrived = delivery.attempt(made.id, current_app.config["BLASTER"])
    text = "It arrived." if arrived else "It did not arrive: the table below says why."
    flash(text, "success" if arrived else "error")
    return htmx.redirect(url_for(".show", webhook_id=webhook_id))


@bp.post("/<int:webhook_id>/rotate")
def rotate(webhook_id: int) -> ResponseReturnValue:
    """A new secret, shown in the answer and never again."""
    return _page(webhook_id, secret=webhooks.rotate_secret(current_user.id, webhook_id))


@bp.post("/<int:webhook_id>/switch")
def switch(webhook_id: int) -> ResponseReturnValue:
    """On or off (field `active`)."""
    active = request.form.get("active") == "1"
    webhooks.set_active(current_user.id, webhook_id, active)
    flash("Switched on." if active else "Switched off. Nothing is told there any more.", "success")
    return htmx.redirect(url_for(".show", webhook_id=webhook_id))


@bp.post("/<int:webhook_id>/deliveries/<int:delivery_id>/again")
def again(webhook_id: int, delivery_id: int) -> ResponseReturnValue:
    """Tell it once more; the receiver knows it by its id."""
    outbox.again(current_user.id, webhook_id, delivery_id)
    flash("It is told once more within seconds.", "success")
    return htmx.redirect(url_for(".show", webhook_id=webhook_id))


@bp.post("/<int:webhook_id>/delete")
def delete(webhook_id: int) -> ResponseReturnValue:
    """With its deliveries."""
    webhooks.delete_webhook(current_user.id, webhook_id)
    flash("Webhook deleted.", "success")
    return htmx.redirect(url_for(".index"))
