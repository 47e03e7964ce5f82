"""The forms of an import: where the rows come from, what their columns mean, how people agreed."""

import json
from collections.abc import Mapping
from io import BytesIO
from itertools import islice
from typing import BinaryIO, NamedTuple

from flask_wtf.file import FileField, FileRequired
from wtforms import RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired
from wtforms.widgets import DateInput

from blaster.imports.uploads import CONSENT
from blaster.sheets import Look, Refusal, Row
from blaster.sheets.columns import Columns
from blaster.web.forms import Form

EXAMPLES = 3
FIRST_ROWS, FIRST_REFUSED = 8, 5
SHOWN_FIELDS = 5


class UploadForm(Form):
    """Apart from the pasted rows, so that a file that is too large costs nobody what they typed."""

    file = FileField("File", [FileRequired("Choose a file.")])

    @property
    def source(self) -> tuple[str, BinaryIO]:
        """Its name and what to import."""
        return self.file.data.filename or "File", self.file.data.stream


class PasteForm(Form):
    rows = TextAreaField("Rows", [InputRequired("Paste at least one row.")])

    @property
    def source(self) -> tuple[str, BinaryIO]:
        """Its name and what to import."""
        return "Pasted rows", BytesIO(self.rows.data.encode("utf-8", "replace"))


class ConsentForm(Form):
    consent = RadioField(
        "How did these people agree to get mail from you?",
        choices=[SelectChoice(value, label) for value, label in CONSENT.items()],
        validate_choice=False,
    )
    words = StringField("In your words")
    on = StringField("When was that?", widget=DateInput())


class Column(NamedTuple):
    """A column of the file as the preview shows it. `use`: address | field | skip."""

    title: str
    examples: list[str]
    use: str
    name: str


def uses(form: Mapping[str, str], guessed: Columns) -> list[tuple[str, str]]:
    """What the user chose for each column; the guess where the request says nothing."""
    return [
        (form.get(f"use-{at}", _use(guessed, at)), form.get(f"name-{at}", guessed.names[at]))
        for at in range(len(guessed.names))
    ]


def _use(columns: Columns, at: int) -> str:
    if at == columns.address:
        return "address"
    return "field" if columns.names[at] else "skip"


def columns_of(look: Look, chosen: list[tuple[str, str]]) -> list[Column]:
    """What is in each column, and what was chosen for it."""
    rows = [cells for _, cells in look.records[look.columns.skip :]]
    return [Column(_title(look, at), _examples(rows, at), *use) for at, use in enumerate(chosen)]


def _title(look: Look, at: int) -> str:
    titles = look.columns.titles
    return titles[at].strip() if at < len(titles) and titles[at].strip() else f"Column {at + 1}"


def _examples(rows: list[list[str]], at: int) -> list[str]:
    values = (cells[at].strip() for cells in rows if at < len(cells))
    return list(islice(dict.fromkeys(value for value in values if value), EXAMPLES))


def first_rows(look: Look, columns: Columns) -> dict:
    """What the first rows become, for the template."""
    rows = look.rows(columns)
    taken = [(row.email, json.loads(row.fields or "{}")) for row in rows if type(row) is Row]
    refused = [row for row in rows if type(row) is Refusal]
    return {
        "fields": [name for name in columns.names if name],
        "taken": taken[:FIRST_ROWS],
        "taken_count": len(taken),
        "refused": refused[:FIRST_REFUSED],
        "refused_count": len(refused),
        "is_whole": look.is_whole,
    }
