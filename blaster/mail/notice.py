"""Mails of the program itself: plain text, marked as automatic (RFC 3834 section 5)."""

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid

from blaster.mail.idn import ascii_domain


def notice(sender: str, recipient: str, subject: str, text: str) -> bytes:
    """A complete message with CRLF."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = ascii_domain(sender), ascii_domain(recipient), subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=ascii_domain(sender).rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    return message.as_bytes()
