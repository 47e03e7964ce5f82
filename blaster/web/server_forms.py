"""The forms of SMTP servers and accounts. What is valid is decided by `blaster.servers`."""

from wtforms import PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from blaster.web.forms import Form, NumberField

_ENCRYPTIONS = [
    SelectChoice("starttls", "STARTTLS (usual on port 587)"),
    SelectChoice("tls", "TLS (usual on port 465)"),
    SelectChoice("none", "None (only on a network you trust)"),
]


class ServerForm(Form):
    """Fields of `servers.add_server`."""

    name = StringField("Name")
    host = StringField("Host", [InputRequired("Enter the name of the server, for example smtp.example.com.")])
    port = NumberField("Port", [InputRequired("Enter a port, usually 587 or 465.")], default=587)
    encryption = SelectField("Encryption", choices=_ENCRYPTIONS, default="starttls")
    max_connections = NumberField("Connections at once", [InputRequired("Enter a number, for example 10.")], default=10)


class AccountForm(Form):
    """Fields of `servers.add_account`; the stored password never comes back to a page."""

    email = StringField("From address", [InputRequired("Enter the address that this account sends from.")])
    login = StringField("Login")
    password = PasswordField("Password")
    hourly_limit = NumberField("Hourly limit", [InputRequired("Enter a number, for example 50.")], default=50)
    daily_limit = NumberField("Daily limit", [InputRequired("Enter a number, for example 500.")], default=500)
