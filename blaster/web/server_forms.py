"""The forms of SMTP servers and accounts. What is valid is decided by `blaster.servers`."""

from datetime import UTC, datetime

from wtforms import DateField, HiddenField, PasswordField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from blaster.mail.presets import Preset
from blaster.models.crm_db import SmtpAccount
from blaster.web.forms import Form, NumberField

_ENCRYPTIONS = [
    SelectChoice("starttls", "STARTTLS (usual on port 587)"),
    SelectChoice("tls", "TLS (usual on port 465)"),
    SelectChoice("none", "None (only on a network you trust)"),
]


_SIGN_INS = {
    "google": "Sign in with Google",
    "microsoft": "Sign in with Microsoft",
    "password": "Login and password",
}


_KEYS = {
    "rsa": "A new one: RSA, 2,048 bits",
    "ed25519": "A new one: Ed25519",
    "own": "My own, pasted below",
}


class ServerForm(Form):
    """Fields of `servers.add_server`."""

    name = StringField("Name")
    host = StringField("Host", [InputRequired("Enter the name of the server, for example smtp.example.com.")])
    port = NumberField("Port", [InputRequired("Enter a port, usually 587 or 465.")], default=587)
    encryption = SelectField("Encryption", choices=_ENCRYPTIONS, default="starttls")
    max_connections = NumberField("Connections at once", [InputRequired("Enter a number, for example 10.")], default=10)
    preset = HiddenField()


def from_preset(preset: Preset) -> dict:
    """What a preset fills in."""
    return {
        "name": preset.name,
        "host": preset.host,
        "port": preset.port,
        "encryption": preset.encryption,
        "max_connections": preset.connections,
        "preset": preset.key,
    }


class _Day(StringField):
    """A date input whose text is judged by the tenant module."""

    widget = DateField.widget


class AccountForm(Form):
    """Fields of `servers.add_account`; the stored password never comes back to a page."""

    email = StringField("From address", [InputRequired("Enter the address that this account sends from.")])
    auth = SelectField("Sign-in", default="password")
    login = StringField("Login")
    password = PasswordField("Password")
    hourly_limit = NumberField("Hourly limit", [InputRequired("Enter a number, for example 50.")], default=50)
    daily_limit = NumberField("Daily limit", [InputRequired("Enter a number, for example 500.")], default=500)
    warmup_start = NumberField("Mails on the first day")
    warmup_from = _Day("First day")
    from_domains = StringField("May also send from")
    bounce_address = StringField("Address for bounces")

    def offer(self, *sign_ins: str) -> None:
        """Let the user choose between these: password, google, microsoft."""
        self.auth.choices = [(kind, words) for kind, words in _SIGN_INS.items() if kind in sign_ins]


class SigningKeyForm(Form):
    """Fields of `signing.add_key`; a key that is stored never comes back to a page."""

    domain = SelectField("Domain", choices=[], validate_choice=False)
    selector = StringField("Selector", default="blaster")
    kind = SelectField("Key", choices=[SelectChoice(*key) for key in _KEYS.items()], default="rsa")
    pem = TextAreaField("Private key")


def of_account(account: SmtpAccount) -> dict:
    """The form's values for an account."""
    plan = account.warmup_start and datetime.fromtimestamp(account.warmup_from / 1000, UTC).date().isoformat()
    return {
        "email": account.email,
        "auth": account.auth,
        "login": account.login,
        "hourly_limit": str(account.hourly_limit),  # a 0 would be taken for nothing
        "daily_limit": str(account.daily_limit),
        "warmup_start": account.warmup_start or "",
        "warmup_from": plan or "",
        "from_domains": account.from_domains,
        "bounce_address": account.bounce_address,
    }


def for_new_account(preset: Preset | None) -> dict:
    """What a preset fills in; without one the form has its own figures."""
    if preset is None:
        return {}
    limits = {"hourly_limit": preset.start_hourly, "daily_limit": preset.start_daily}
    return limits | {"login": preset.login, "auth": preset.consent or "password"}
