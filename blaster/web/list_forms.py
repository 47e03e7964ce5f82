"""The forms of recipient lists."""

from wtforms import StringField

from blaster.web.forms import Form


class ListForm(Form):
    name = StringField("Name")
