"""The forms of SMTP servers and accounts. What is valid is decided by `blaster.servers`."""

from wtforms import IntegerField, PasswordField, SelectField, StringField
from wtforms.validators import InputRequired

from blaster.web.forms import Form

_ENCRYPTIONS = [
    ("starttls", "STARTTLS (usual on port 587)"),
    ("tls", "TLS (usual on port 465)"),
    ("none", "None (only on a network you trust)"),
]


class ServerForm(Form):
    """Fields of `servers.add_server`."""

    name = StringField("Name")
    host = StringField("Host", [InputRequired("Enter the name of the server, for example smtp.example.com.")])
    port = IntegerField("Port", [InputRequired("Enter a port, usually 587 or 465.")], default=587)
    encryption = SelectField("Encryption", choices=_ENCRYPTIONS, default="starttls")
    max_connections = IntegerField(
        "Connections at once", [InputRequired("Enter a number, for example 10.")], default=10
    )


class AccountForm(Form):
    """Fields of `servers.add_account`; the stored password never comes back to a page."""

    email = StringField("From address", [InputRequired("Enter the address that this account sends from.")])
    login = StringField("Login")
    password = PasswordField("Password")
    hourly_limit = IntegerField("Hourly limit", [InputRequired("Enter a number, for example 50.")], default=50)
    daily_limit = IntegerField("Daily limit", [InputRequired("Enter a number, for example 500.")], default=500)
