"""The form of one person on a list: the address, and a field for each merge field."""

from collections.abc import Mapping, Sequence

from wtforms import StringField, TextAreaField

from blaster.web.forms import Form

_PREFIX = "value_"  # a merge field may be called like anything a form has of its own


class PersonForm(Form):
    """`people.add` and `people.edit`."""

    email = StringField("E-mail address")

    @property
    def values(self) -> dict[str, str]:
        """What was typed, by merge field."""
        typed = {field.name: field.data for field in self if field.name.startswith(_PREFIX)}
        return {name.removeprefix(_PREFIX): text.replace("\r\n", "\n") for name, text in typed.items()}


def person_form(names: Sequence[str], email: str = "", values: Mapping[str, str] | None = None) -> PersonForm:
    """The form with these merge fields, filled in unless it was sent."""
    values = values or {}
    fields = {_PREFIX + name: _field(name, values.get(name, "")) for name in names}
    form = type("PersonForm", (PersonForm,), fields)
    return form(email=email, **{_PREFIX + name: values.get(name, "") for name in names})


def _field(name: str, value: str):
    """A single line would lose the line breaks of a value that has some."""
    return (TextAreaField if "\n" in value or len(value) > 200 else StringField)(name)
