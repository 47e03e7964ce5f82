"""Mails of the program itself, through the account that the administrator gave it."""

from urllib.parse import unquote, urlsplit

from blaster.config import Settings
from blaster.mail import single
from blaster.mail.auth import Credentials
from blaster.mail.notice import notice
from blaster.mail.session import Mail
from blaster.mail.transport import Endpoint

_SCHEMES = {"smtp": ("starttls", 587), "smtps": ("tls", 465), "smtp+plain": ("none", 25)}


def is_set(settings: Settings) -> bool:
    """Such mails can be sent, and their links lead here."""
    return bool(settings.system_smtp and settings.system_sender and settings.public_url)


def send(settings: Settings, to: str, subject: str, text: str) -> str:
    """One try; empty, or why it was not taken, in words without a secret."""
    parts = urlsplit(settings.system_smtp)
    encryption, port = _SCHEMES[parts.scheme]
    endpoint = Endpoint(parts.hostname or "", parts.port or port, encryption, ca_file=settings.tls_ca_file)
    login = unquote(parts.username or "")
    credentials = Credentials(login, unquote(parts.password or "")) if login else None
    sender = settings.system_sender
    reply, trouble = single.send(endpoint, credentials, Mail(1, sender, to, notice(sender, to, subject, text)))
    if reply.phase == "dot" and reply.code // 100 in (0, 2):
        return ""
    return trouble or f"The system's mail server did not take the mail: {reply.code} {reply.text}"
