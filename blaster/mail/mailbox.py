"""Reads a mailbox over IMAP (RFC 3501, 6851) or POP3 (RFC 1939). The only module that speaks either.

Nothing is ever deleted from an IMAP mailbox: what is done with goes to another folder, or is marked as seen.
"""

import contextlib
import imaplib
import poplib
import re
import socket
import ssl
from collections.abc import Container, Iterator
from dataclasses import dataclass

from blaster.mail.bounces.mime import LONGEST

KINDS = ("imap", "pop3")
PORTS = {("imap", "tls"): 993, ("imap", "starttls"): 143, ("pop3", "tls"): 995, ("pop3", "starttls"): 110}
DONE = ("Processed", "INBOX.Processed")  # some servers put every folder below INBOX
LARGE = 4 * 1024 * 1024  # octets; of a larger mail POP3 is asked for its first lines only
LINES = 8_000

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


def open_mailbox(place: Place, login: str, password: str) -> "Imap | Pop":
    """Connect, secure, sign in. Raises Trouble. Never goes on in clear text when encryption was asked for."""
    with _in_words(place):
        return (Imap if place.kind == "imap" else Pop)(place, login, password)


class Imap:
    """An open folder. `validity`: UIDs mean the same mails as long as it stays."""

    def __init__(self, place: Place, login: str, password: str):
        self._place = place
        self._wire = _imap(place)
        self._done: str | None = None
        try:
            self._wire.login(login, password)
            self.mails = self._select(place.folder)
        except BaseException:
            self.abort()
            raise
        self.validity = int((self._wire.response("UIDVALIDITY")[1] or [b"0"])[0] or 0)

    def _select(self, folder: str) -> int:
        answer, found = self._wire.select(_quoted(folder))
        if answer != "OK":
            raise Trouble(f"There is no folder “{folder}” in this mailbox. INBOX is the usual one.")
        return int(found[0] or 0)

    def new(self, after: int, known: Container[str] = ()) -> Iterator[tuple[int, bytes]]:
        """(UID, the first 512 kB) of the mails with a UID above `after`, oldest first. They stay unseen."""
        with _in_words(self._place):
            for uid in self._uids(after):
                parts = f"(BODY.PEEK[]<0.{LONGEST}>)"
                _, data = self._wire.uid("FETCH", str(uid), parts)
                raw = next((part[1] for part in data if isinstance(part, tuple)), None)
                if raw is not None:
                    yield uid, raw

    def _uids(self, after: int) -> list[int]:
        _, found = self._wire.uid("SEARCH", f"UID {after + 1}:*")
        # `n:*` names the last mail too, however small its UID is.
        return sorted(uid for uid in map(int, (found[0] or b"").split()) if uid > after)

    def done(self, uid: int) -> None:
        """Mark as seen, and move out of the way where the server can do that without touching other mails."""
        with _in_words(self._place):
            self._wire.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Seen)")
            can = self._wire.capabilities
            if "MOVE" in can and (folder := self._done_folder()):
                self._wire.uid("MOVE", str(uid), _quoted(folder))
            elif "UIDPLUS" in can and (folder := self._done_folder()):
                if self._wire.uid("COPY", str(uid), _quoted(folder))[0] == "OK":
                    self._wire.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Deleted)")
                    self._wire.uid("EXPUNGE", str(uid))

    def _done_folder(self) -> str:
        """Made at its first use; empty if the server wants none of that name."""
        if self._done is None:
            made = (
                name for name in DONE if self._wire.status(_quoted(name), "(MESSAGES)")[0] == "OK" or self._create(name)
            )
            self._done = next(made, "")
        return self._done

    def _create(self, name: str) -> bool:
        return self._wire.create(_quoted(name))[0] == "OK"

    def close(self) -> None:
        """Say goodbye. Never raises."""
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self._wire.logout()

    def abort(self) -> None:
        """Cut the connection, from any thread. Never raises."""
        with contextlib.suppress(OSError):
            self._wire.shutdown()


class Pop:
    """A locked maildrop (RFC 1939); mails are named by their unique ids."""

    validity = 0

    def __init__(self, place: Place, login: str, password: str):
        self._place = place
        self._wire = _pop(place)
        self._numbers: dict[str, int] = {}
        try:
            self._wire.user(login)
            self._wire.pass_(password)
            self.mails = self._wire.stat()[0]
        except BaseException:
            self.abort()
            raise

    def new(self, after: int, known: Container[str] = ()) -> Iterator[tuple[str, bytes]]:
        """(unique id, the mail or its beginning) of the mails that are not `known`."""
        with _in_words(self._place):
            sizes = dict(_pair(line) for line in self._wire.list()[1])
            for number, uidl in (_pair(line) for line in self._wire.uidl()[1]):
                if uidl in known:
                    continue
                self._numbers[uidl] = int(number)
                is_large = int(sizes.get(number, "0")) > LARGE
                lines = self._wire.top(number, LINES)[1] if is_large else self._wire.retr(number)[1]
                yield uidl, b"\r\n".join(lines)

    def done(self, uidl: str) -> None:
        """Delete it, once the connection is closed in order."""
        with _in_words(self._place):
            self._wire.dele(self._numbers[uidl])

    def close(self) -> None:
        """Say goodbye: now the server deletes. Never raises."""
        with contextlib.suppress(OSError, poplib.error_proto):
            self._wire.quit()

    def abort(self) -> None:
        """Cut the connection, from any thread: nothing is deleted. Never raises."""
        with contextlib.suppress(OSError):
            self._wire.sock.shutdown(socket.SHUT_RDWR)


class _Limited:
    """imaplib reads as many octets as the server announces."""

    def read(self, size):
        if size > 2 * LONGEST:
            raise imaplib.IMAP4.abort("the server sends more than it was asked for")
        return super().read(size)


class _Plain(_Limited, imaplib.IMAP4):
    pass


class _Secure(_Limited, imaplib.IMAP4_SSL):
    pass


def _imap(place: Place):
    if place.encryption == "tls":
        return _Secure(place.host, place.port, ssl_context=_context(place), timeout=place.timeout)
    wire = _Plain(place.host, place.port, timeout=place.timeout)
    return _secured(wire, place, wire.starttls)


def _pop(place: Place):
    if place.encryption == "tls":
        return poplib.POP3_SSL(place.host, place.port, context=_context(place), timeout=place.timeout)
    wire = poplib.POP3(place.host, place.port, timeout=place.timeout)
    return _secured(wire, place, wire.stls)


def _secured(wire, place: Place, start_tls):
    if place.encryption == "starttls":
        try:
            start_tls(_context(place))
        except (imaplib.IMAP4.error, poplib.error_proto):
            wire.sock.close()
            raise Trouble(
                f"{_where(place)} does not offer STARTTLS, so the password was not sent. Try TLS on port "
                f"{PORTS[place.kind, 'tls']}."
            ) from None
    return wire


def _context(place: Place) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if place.ca_file:
        context.load_verify_locations(place.ca_file)
    return context


def _quoted(folder: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", folder)
    return f'"{escaped}"'


def _pair(line: bytes) -> tuple[str, str]:
    """`1 abc` as ("1", "abc")."""
    number, _, rest = line.decode("ascii", "replace").partition(" ")
    return number, rest.strip()[:254]


def _where(place: Place) -> str:
    return f"{place.host}, port {place.port}"


@contextlib.contextmanager
def _in_words(place: Place):
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
