"""The forms of recipient lists."""

from flask_wtf.file import FileField, FileRequired
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired

from blaster.web.forms import Form


class ListForm(Form):
    name = StringField("Name")


class UploadForm(Form):
    """Apart from the pasted rows, so that a file that is too large costs nobody what they typed."""

    file = FileField("CSV file", [FileRequired("Choose a file.")])

    @property
    def source(self):
        """What to import."""
        return self.file.data.stream


class PasteForm(Form):
    rows = TextAreaField("Rows", [InputRequired("Paste at least one row.")])

    @property
    def source(self):
        """What to import."""
        return self.rows.data
