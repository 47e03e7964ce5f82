"""The form of a campaign draft. A draft may be unfinished: what it still needs is said on the review page."""

from wtforms import SelectField, StringField, TextAreaField

from blaster.web.forms import Form


class CampaignForm(Form):
    """Fields of `campaigns.create_campaign`."""

    name = StringField("Name")
    list_id = SelectField("Recipients", coerce=int)
    subject = StringField("Subject")
    sender_name = StringField("Sender name")
    sender_email = StringField("Sender address")
    reply_to = StringField("Reply-to address")
    html = TextAreaField("HTML")
    text = TextAreaField("Plain text")

    def offer(self, lists) -> None:
        """Lists to choose from; none, or one that is gone, is 0."""
        choices = [(each.id, f"{each.name} ({each.size:,})") for each in lists]
        self.list_id.choices = [(0, "Choose later"), *choices]
        if self.list_id.data not in dict(choices):
            self.list_id.data = 0

    def draft(self) -> dict:
        """What was typed, as the campaigns module takes it."""
        return {**self.data, "list_id": self.list_id.data or None}
