"""The forms of a message: of a template, and of a campaign draft. Both may be unfinished: what a campaign lacks is
said on its review page."""

import secrets
from types import SimpleNamespace

from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField

from blaster import campaigns, drafts
from blaster.mail import letter
from blaster.web.forms import Form

RICH = "rich"


class MessageForm(Form):
    """What a message says. `mode` rich: `rich` was written in the rich-text editor, and takes the place of `html`."""

    name = StringField("Name")
    subject = StringField("Subject")
    preheader = StringField("Preview text")
    mode = HiddenField()
    rich = TextAreaField("Message")
    html = TextAreaField("HTML")
    text = TextAreaField("Plain text")

    def begin_with(self, source) -> None:
        """Show the message of a draft, a template or a starter."""
        for name in drafts.MESSAGE:
            self[name].data = getattr(source, name) or ""
        self.mode.data = "html" if source.rich is None else RICH

    def message(self) -> dict:
        """The fields of `drafts.MESSAGE`."""
        rich = self.rich.data if self.mode.data == RICH else None
        return {name: self[name].data for name in drafts.MESSAGE} | {"rich": rich}

    def written(self) -> SimpleNamespace:
        """The message as it would be stored."""
        message = self.message()
        if message["rich"] is not None:
            message["html"] = letter.from_rich(message["rich"])
        return SimpleNamespace(**message)


class TemplateForm(MessageForm):
    """Fields of `mail_templates.create_template`."""

    def fields(self) -> dict:
        """What was typed, as the module takes it."""
        return {"name": self.name.data, **self.message()}


class CampaignForm(MessageForm):
    """Fields of `campaigns.create_campaign`. `seen` and `tab` tell a change in another window."""

    list_id = SelectField("Recipients", coerce=int)
    sender_name = StringField("Sender name")
    sender_email = StringField("Sender address")
    reply_to = StringField("Reply-to address")
    tracks_opens = BooleanField("Count opens")
    tracks_clicks = BooleanField("Count clicks")
    seen = HiddenField()
    tab = HiddenField()

    def open(self, draft) -> None:
        """The editor of this draft begins here, in a window of its own."""
        self.begin_with(draft)
        self.seen.data, self.tab.data = str(draft.updated_at), secrets.token_urlsafe(12)

    def offer(self, lists) -> None:
        """Lists to choose from; none, or one that is gone, is 0."""
        choices = [(each.id, f"{each.name} ({each.size:,})") for each in lists]
        self.list_id.choices = [(0, "Choose later"), *choices]
        if self.list_id.data not in dict(choices):
            self.list_id.data = 0

    def draft(self) -> dict:
        """What was typed, as the campaigns module takes it."""
        more = {name: self[name].data for name in (*campaigns.SENDER, *campaigns.TRACKING)}
        return {"name": self.name.data, **self.message(), **more, "list_id": self.list_id.data or None}

    def window(self, overwrite: bool) -> dict:
        """What tells the campaigns module from which window this comes."""
        seen = int(self.seen.data) if self.seen.data.isdecimal() and not overwrite else None
        return {"seen": seen, "tab": self.tab.data[:24]}
