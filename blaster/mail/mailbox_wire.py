"""Connections to IMAP and POP3 servers, and what can go wrong with them, in words. Nobody else opens any."""

import base64
import contextlib
import imaplib
import poplib
import re
import socket
import ssl
from dataclasses import dataclass

from blaster.mail import dial, targets
from blaster.mail.auth import bearer
from blaster.mail.bounces.mime import LONGEST

PORTS = {("imap", "tls"): 993, ("imap", "starttls"): 143, ("pop3", "tls"): 995, ("pop3", "starttls"): 110}

# A mail may have lines longer than the 2048 octets that poplib stands (RFC 5321 allows 1,000, senders do not care).
poplib._MAXLINE = 1 << 20


@dataclass(frozen=True)
class Place:
    """Where a mailbox is. encryption: none, starttls or tls. timeout: seconds for each answer."""

    kind: str
    host: str
    port: int
    encryption: str = "tls"
    folder: str = "INBOX"
    timeout: float = 30
    ca_file: str = ""


class Trouble(Exception):
    """The mailbox cannot be read; the words are for its owner and hold no secret."""


def cut(wire) -> None:
    """End a connection, from any thread. Never raises."""
    with contextlib.suppress(OSError, AttributeError):
        wire.sock.shutdown(socket.SHUT_RDWR)


class _Guarded:
    """Connects to what the administrator allows."""

    def _create_socket(self, timeout):
        return dial.connect(targets.MAILBOX, self.host, self.port, timeout)


class _Limited(_Guarded):
    """imaplib reads as many octets as the server announces."""

    def read(self, size):
        if size > 2 * LONGEST:
            raise imaplib.IMAP4.abort("the server sends more than it was asked for")
        return super().read(size)


class _Plain(_Limited, imaplib.IMAP4):
    pass


class _Secure(_Limited, imaplib.IMAP4_SSL):
    def _create_socket(self, timeout):
        return self.ssl_context.wrap_socket(super()._create_socket(timeout), server_hostname=self.host)


class _Closing(_Guarded):
    """poplib keeps the socket when a server greets it as POP3 servers do not."""

    def __init__(self, *args, **options):
        try:
            super().__init__(*args, **options)
        except BaseException:
            with contextlib.suppress(AttributeError):
                self.close()
            raise


class _PlainPop(_Closing, poplib.POP3):
    pass


class _SecurePop(_Closing, poplib.POP3_SSL):
    def _create_socket(self, timeout):
        return self.context.wrap_socket(super()._create_socket(timeout), server_hostname=self.host)


def imap(place: Place) -> imaplib.IMAP4:
    """Connected and secured."""
    if place.encryption == "tls":
        return _Secure(place.host, place.port, ssl_context=_context(place), timeout=place.timeout)
    wire = _Plain(place.host, place.port, timeout=place.timeout)
    return _secured(wire, place, wire.starttls, wire.shutdown)


def pop3(place: Place) -> poplib.POP3:
    """Connected and secured."""
    if place.encryption == "tls":
        return _SecurePop(place.host, place.port, context=_context(place), timeout=place.timeout)
    wire = _PlainPop(place.host, place.port, timeout=place.timeout)
    return _secured(wire, place, wire.stls, wire.close)


def sign_in_imap(wire: imaplib.IMAP4, login: str, token: str) -> None:
    """AUTHENTICATE XOAUTH2 with an access token. Raises Trouble where it is not taken."""
    if "AUTH=XOAUTH2" not in wire.capabilities:
        raise Trouble(_NOT_OFFERED)
    # What comes after the token is a refusal, its reason in JSON: it wants an empty answer (RFC 7628 section 3.2.3).
    answers = iter((bearer(login.encode(), token.encode()),))
    try:
        wire.authenticate("XOAUTH2", lambda _: next(answers, b""))
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        raise Trouble(_NOT_TAKEN) from None


def sign_in_pop3(wire: poplib.POP3, login: str, token: str) -> None:
    """AUTH XOAUTH2, the token on a line of its own: a command may have 255 octets (RFC 5034 section 4)."""
    try:
        wire._shortcmd("AUTH XOAUTH2")
    except poplib.error_proto:
        raise Trouble(_NOT_OFFERED) from None
    try:
        answer = wire._shortcmd(base64.b64encode(bearer(login.encode(), token.encode())).decode())
        if not answer.startswith(b"+OK"):
            wire._shortcmd("")
            raise Trouble(_NOT_TAKEN)
    except poplib.error_proto:
        raise Trouble(_NOT_TAKEN) from None


_NOT_OFFERED = "The server offers no way of signing in by consent (XOAUTH2). Use a password here."
_NOT_TAKEN = (
    "The server did not accept the sign-in by consent. See that the login is the address of the mailbox and that it "
    "allows IMAP or POP3, then sign in again."
)


def _secured(wire, place: Place, start_tls, close):
    if place.encryption != "starttls":
        return wire
    try:
        start_tls(_context(place))
    except (imaplib.IMAP4.error, poplib.error_proto):
        close()
        port = PORTS[place.kind, "tls"]
        raise Trouble(
            f"{_where(place)} does not offer STARTTLS, so the password was not sent. Try TLS on port {port}."
        ) from None
    except BaseException:
        with contextlib.suppress(OSError):  # the socket was handed over to TLS
            close()
        raise
    return wire


def _context(place: Place) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if place.ca_file:
        context.load_verify_locations(place.ca_file)
    return context


def _where(place: Place) -> str:
    return f"{place.host}, port {place.port}"


@contextlib.contextmanager
def in_words(place: Place):
    """What goes wrong, as Trouble. What a server says may repeat what it was sent, so only its sign-in answer is shown
    and only up to its first bracket."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise Trouble(
            f"The certificate of {place.host} was not accepted ({error.verify_message}), so the password was not sent."
        ) from None
    except ssl.SSLError:
        raise Trouble(
            f"No encrypted connection to {_where(place)} could be made. Check that port and encryption belong together."
        ) from None
    except targets.Forbidden as error:
        raise Trouble(str(error)) from None
    except socket.gaierror:
        raise Trouble(f"The server name {place.host} was not found. Check its spelling.") from None
    except TimeoutError:
        raise Trouble(f"{_where(place)} does not answer in time. The port may be wrong.") from None
    except UnicodeError:
        raise Trouble("The server takes letters of plain ASCII only in login and password.") from None
    except (imaplib.IMAP4.abort, EOFError, ValueError, LookupError, TypeError):
        raise Trouble(f"{_where(place)} broke off, or does not speak {place.kind.upper()}.") from None
    except (imaplib.IMAP4.error, poplib.error_proto) as error:
        raise Trouble(_said(place, error)) from None
    except OSError as error:
        raise Trouble(f"{_where(place)} does not accept the connection ({error.strerror or 'it was lost'}).") from None


def _said(place: Place, error: Exception) -> str:
    words = error.args[0] if error.args else ""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    if re.search(r"auth|login|password|credential|user|-ERR", text, re.IGNORECASE):
        return (
            "The server did not accept login and password. Check both; many providers want an app password here, and "
            "some want the mailbox to allow IMAP or POP3 first."
        )
    return f"{_where(place)} broke off, or does not speak {place.kind.upper()}."
