"""Reads a mailbox over IMAP (RFC 3501, 6851) or POP3 (RFC 1939).

Nothing is ever deleted from an IMAP mailbox: what is done with goes to another folder, or is marked as seen.
"""

import contextlib
import imaplib
import poplib
import re
from collections.abc import Container, Iterator

from blaster.mail import mailbox_wire
from blaster.mail.bounces.mime import LONGEST
from blaster.mail.mailbox_wire import PORTS, Place, Trouble, in_words

__all__ = ["KINDS", "PORTS", "Imap", "Place", "Pop", "Trouble", "open_mailbox"]

KINDS = ("imap", "pop3")
DONE = ("Processed", "INBOX.Processed")  # some servers put every folder below INBOX
LARGE = 4 * 1024 * 1024  # octets; of a larger mail POP3 is asked for its first lines only
LINES = 8_000


def open_mailbox(place: Place, login: str, secret: str, by: str = "password") -> "Imap | Pop":
    """Connect, secure, sign in. Raises Trouble. Never goes on in clear text when encryption was asked for.

    `by`: password, or xoauth2, where `secret` is an access token.
    """
    with in_words(place):
        return (Imap if place.kind == "imap" else Pop)(place, login, secret, by)


class Imap:
    """An open folder. `validity`: UIDs mean the same mails as long as it stays."""

    def __init__(self, place: Place, login: str, secret: str, by: str):
        self._place = place
        self._wire = mailbox_wire.imap(place)
        self._done: str | None = None
        try:
            if by == "xoauth2":
                mailbox_wire.sign_in_imap(self._wire, login, secret)
            else:
                self._wire.login(login, secret)
            self.mails = self._select(place.folder)
        except BaseException:
            self._wire.shutdown()
            raise
        self.validity = int((self._wire.response("UIDVALIDITY")[1] or [b"0"])[0] or 0)

    def _select(self, folder: str) -> int:
        answer, found = self._wire.select(_quoted(folder))
        if answer != "OK":
            raise Trouble(f"There is no folder “{folder}” in this mailbox. INBOX is the usual one.")
        return int(found[0] or 0)

    def new(self, after: int, known: Container[str] = ()) -> Iterator[tuple[int, bytes]]:
        """(UID, the first 512 kB) of the mails with a UID above `after`, oldest first. They stay unseen."""
        with in_words(self._place):
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
        with in_words(self._place):
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
        with contextlib.suppress(OSError):
            self._wire.shutdown()

    def abort(self) -> None:
        """Cut the connection, from any thread. Never raises."""
        mailbox_wire.cut(self._wire)


class Pop:
    """A locked maildrop (RFC 1939); mails are named by their unique ids."""

    validity = 0

    def __init__(self, place: Place, login: str, secret: str, by: str):
        self._place = place
        self._wire = mailbox_wire.pop3(place)
        self._numbers: dict[str, int] = {}
        try:
            if by == "xoauth2":
                mailbox_wire.sign_in_pop3(self._wire, login, secret)
            else:
                self._wire.user(login)
                self._wire.pass_(secret)
            self.mails = self._wire.stat()[0]
        except BaseException:
            self._wire.close()
            raise

    def new(self, after: int, known: Container[str] = ()) -> Iterator[tuple[str, bytes]]:
        """(unique id, the mail or its beginning) of the mails that are not `known`."""
        with in_words(self._place):
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
        with in_words(self._place):
            self._wire.dele(self._numbers[uidl])

    def close(self) -> None:
        """Say goodbye: now the server deletes. Never raises."""
        with contextlib.suppress(OSError, poplib.error_proto):
            self._wire.quit()
        self._wire.close()

    def abort(self) -> None:
        """Cut the connection, from any thread: nothing is deleted. Never raises."""
        mailbox_wire.cut(self._wire)


def _quoted(folder: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", folder)
    return f'"{escaped}"'


def _pair(line: bytes) -> tuple[str, str]:
    """`1 abc` as ("1", "abc")."""
    number, _, rest = line.decode("ascii", "replace").partition(" ")
    return number, rest.strip()[:254]
