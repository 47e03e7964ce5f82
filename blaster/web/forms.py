"""The base of all forms: typed input in, the tenant modules' refusals out beside the fields."""

from collections.abc import Callable

from flask import flash, request
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired
from wtforms.widgets import NumberInput

from blaster import zones
from blaster.errors import Invalid
from blaster.web import audited, kept


class Form(FlaskForm):
    """Converts input and shows again what was typed; what may be stored is decided by the tenant module."""

    class Meta:
        csrf = False  # CSRFProtect checks every request of the application; `_macros.html` writes the token

        def bind_field(self, form, unbound_field, options):
            """A text that the request left out is empty, not None."""
            if issubclass(unbound_field.field_class, StringField):
                options["filters"] = [lambda text: text or ""]
            return unbound_field.bind(form=form, **options)


class NumberField(StringField):
    """Looks like a number field; what is a number is decided by the tenant module, which says it in its own words."""

    widget = NumberInput()


class ZoneField(SelectField):
    """An IANA time zone, by continents."""

    def __init__(self, *args, **options):
        choices = [SelectChoice("UTC")]
        for name in zones.names()[1:]:
            area = name.partition("/")[0]
            choices.append(SelectChoice(name, name.replace("_", " "), optgroup=area))
        # An unknown one is refused by the tenant module, in its own words.
        super().__init__(*args, choices=choices, validate_choice=False, **options)


def accepted(form: FlaskForm, save: Callable):
    """`save()` and its result (True for None); None where the input was refused: the form holds the reasons then.

    Also None for what was typed before the user had to sign in again: it is shown once more first.
    """
    if kept.AGAIN in request.form:
        flash("This is what you had typed. Nothing is saved yet.", "warning")
        return audited.refuse()
    if not form.validate_on_submit():
        return audited.refuse()
    try:
        result = save()
    except Invalid as error:
        for name, sentence in error.errors.items():
            refuse(form, name, sentence)
        return audited.refuse()
    if isinstance(made := getattr(result, "id", None), int):
        audited.tell(target_id=made)
    return True if result is None else result


def refuse(form: FlaskForm, name: str, sentence: str) -> None:
    """Put a sentence beside a field; "" or a name that is no field puts it on top of the form."""
    if name in form:
        form[name].errors = [*form[name].errors, sentence]
    else:
        form.form_errors.append(sentence)


def whole_number(text: str, name: str, highest: int, errors: dict[str, str]) -> int:
    """The number from 1 to `highest` that was typed into the field `name`; otherwise 0, and a sentence in `errors`."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not 1 <= number <= highest:
        errors[name] = f"Enter a whole number from 1 to {highest:,}."
        return 0
    return number


def row_id(text: str) -> int:
    """For `type=` of an argument that is an id. Raises ValueError for a number that SQLite cannot even ask for."""
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError("no id of any row")
    return number


class LoginForm(Form):
    email = EmailField("E-mail address", [InputRequired("Enter your e-mail address.")])
    password = PasswordField("Password", [InputRequired("Enter your password.")])


class CodeForm(Form):
    code = StringField("Code", [InputRequired("Enter the code.")])
