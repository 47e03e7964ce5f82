"""One SMTP session after sign-in: many mails over one kept connection. The socket itself is in transport.py."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from blaster.mail.idn import ascii_domain

IDLE_CHECK = 5.0  # seconds of silence after which a kept connection must prove that it is alive
ALIVE_TIMEOUT = 5  # ... and seconds that it has for that
AT_ONCE = 64 * 1024  # a larger message is sent before its final dot, not in one piece with it
LOST_EARLIER = "the connection was lost before this mail was sent"

_PATH = re.compile(r"[^\x00-\x20<>\x7f]+@[^\x00-\x20<>@\x7f]+")


# Not frozen: one of each is made for every mail, and that costs four times as much.


@dataclass(slots=True)
class Mail:
    """One message for one recipient.

    `data` is a complete RFC 5322 message, not dot-stuffed. Every CR and LF in it must be part of a CRLF (a bare one may
    end the message early at some servers, "SMTP smuggling"): compile.py guarantees it, and looking again costs 10 µs.
    """

    id: int
    sender: str
    recipient: str
    data: bytes
    is_dotless: bool = False  # no line begins with a dot, and the last one is ended: 12 µs less of looking


@dataclass(slots=True)
class Reply:
    """What the server answered, and to what.

    phase: connect, tls, auth, mail, rcpt, data, body (message under way, final dot not sent) or dot (final dot sent).
    code: the SMTP code; 0 = no reply (lost, timeout), -1 = garbage.
    """

    phase: str
    code: int
    text: str


class Lost(Exception):
    """The connection is gone or too slow. `handed`: how many octets of the failed write the system may have taken."""

    def __init__(self, text: str, handed: int = 0, timed_out: bool = False):
        super().__init__(text)
        self.handed = handed
        self.timed_out = timed_out


class Session:
    """A signed-in connection. Not thread-safe: one sender uses it at a time."""

    def __init__(self, wire, features: dict[str, str], timeout: float, dot_timeout: float):
        self._wire = wire
        self._timeout = timeout
        self._dot_timeout = dot_timeout
        self._features = features
        self._pipelining = "PIPELINING" in features
        size = features.get("SIZE", "")
        self._size_limit = int(size) if size.isdigit() else 0
        self._transaction_open = False
        self.sent = 0
        self.closed = False
        self.idle_since = time.monotonic()

    def deliver(self, mails: Iterable[Mail], before_dot: Callable[[Mail], None]) -> Iterator[tuple[Mail, Reply]]:
        """Send mails; yield one (mail, reply) per mail taken from the iterable, in its order.

        before_dot(mail) is called before any octet of the final dot is handed to the system; when it raises, the dot is
        never sent, the connection is dropped and the exception goes on to the caller. A reply of phase 'dot' with
        code 0 or -1 means that the server may have the mail; any other phase means that it has not.

        One mail is taken in advance while its predecessor is being sent, so the iterable must not wait for anything.
        When the connection ends, so does the iteration (`closed` is then True); mails not taken are untouched. A kept
        connection that died while idle ends it before the first mail is taken. Leaving early drops the connection.
        """
        finished = False
        try:
            if self._alive():
                yield from self._converse(iter(mails), before_dot)
            finished = True
        finally:
            if not finished:
                self._drop()
            self.idle_since = time.monotonic()

    def close(self) -> None:
        """Say QUIT, wait two seconds at most for the answer, and close. Never raises."""
        if not self.closed:
            self._ask("quit", b"QUIT\r\n", 2)
            self._drop()

    def _converse(self, mails: Iterator[Mail], before_dot: Callable[[Mail], None]) -> Iterator[tuple[Mail, Reply]]:
        mail, ahead = next(mails, None), False
        while mail is not None:
            refusal = self._envelope_replies() if ahead else self._propose(mail)
            if refusal is not None:
                yield mail, refusal
                if self.closed:
                    return
                mail, ahead = next(mails, None), False
                continue
            following = next(mails, None)
            ahead = self._pipelining and following is not None and self._unfit(following) is None
            yield mail, self._finish(mail, following if ahead else None, before_dot)
            mail = following

    def _propose(self, mail: Mail) -> Reply | None:
        """Offer the envelope. None: the server waits for the message (354). Else the reply that refused it."""
        if self.closed:
            return Reply("mail", 0, LOST_EARLIER)
        refusal = self._unfit(mail)
        if refusal is not None:
            return refusal
        if not self._pipelining:
            return self._step_by_step(mail)
        reset = b"RSET\r\n" if self._transaction_open else b""
        self._write(b"".join((reset, *self._envelope(mail))))
        if reset:
            self._reset_reply(self._timeout)
        return self._envelope_replies()

    def _step_by_step(self, mail: Mail) -> Reply | None:
        if self._transaction_open:
            self._reset(self._timeout)
        for phase, command, good in zip(("mail", "rcpt", "data"), self._envelope(mail), (2, 2, 3), strict=True):
            reply = self._ask(phase, command, self._timeout)
            if reply.code // 100 != good:
                return self._refused(reply)
        return None

    def _envelope_replies(self) -> Reply | None:
        if not self.closed and self._wire.accepts_envelope():
            return None
        mail, rcpt, data = (self._read(phase, self._timeout) for phase in ("mail", "rcpt", "data"))
        if mail.code // 100 == 2 and rcpt.code // 100 == 2:
            return None if data.code // 100 == 3 else self._refused(data)
        if data.code // 100 == 3:
            self._cancel_data(rcpt)
        return self._refused(rcpt if mail.code // 100 == 2 else mail)

    def _cancel_data(self, rcpt: Reply) -> None:
        """The server asks for a message that it has no recipient for: RFC 2920 section 3.1 says send a lone dot."""
        if rcpt.code // 100 in (4, 5):
            self._ask("data", b".\r\n", self._timeout)
        else:
            self._drop()

    def _refused(self, reply: Reply) -> Reply:
        if reply.code // 100 not in (4, 5):
            self._drop()
        self._transaction_open = True
        return reply

    def _reset(self, timeout: float) -> None:
        self._write(b"RSET\r\n")
        self._reset_reply(timeout)

    def _reset_reply(self, timeout: float) -> None:
        if self._read("mail", timeout).code // 100 != 2:
            self._drop()
        self._transaction_open = False

    def _alive(self) -> bool:
        if not self.closed and time.monotonic() - self.idle_since > IDLE_CHECK:
            self._reset(min(self._timeout, ALIVE_TIMEOUT))
        return not self.closed

    def _finish(self, mail: Mail, following: Mail | None, before_dot: Callable[[Mail], None]) -> Reply:
        """Send the message, its final dot and the next envelope; return the reply to the dot."""
        if self._wire.unread():
            # The server said more than it was asked: the next reply might be taken for the answer to this message.
            self._drop()
            return Reply("data", -1, "the server sent a reply that nobody asked for")
        body = mail.data if mail.is_dotless else _stuffed(mail.data)
        if len(body) > AT_ONCE:
            failure = self._send_body(body)
            if failure is not None:
                return failure
            body = b""
        before_dot(mail)
        envelope = self._envelope(following) if following else ()
        try:
            self._wire.send(b"".join((body, b".\r\n", *envelope)))
        except Lost as lost:
            return self._last_words("dot" if lost.handed > len(body) else "body", lost)
        return self._dot_reply()

    def _dot_reply(self) -> Reply:
        reply = self._read("dot", self._dot_timeout)
        self._transaction_open = False
        if reply.code // 100 == 2:
            self.sent += 1
        elif reply.code // 100 not in (4, 5):
            self._drop()
        return reply

    def _send_body(self, body: bytes) -> Reply | None:
        try:
            self._wire.send(body)
        except Lost as lost:
            return self._last_words("body", lost)
        return None

    def _last_words(self, phase: str, lost: Lost) -> Reply:
        """A server that hangs up in the middle of a message has often said why (552, 421): read it if it is there."""
        reply = self._read(phase, 1)
        self._drop()
        return reply if reply.code > 0 else Reply(phase, 0, str(lost))

    def _unfit(self, mail: Mail) -> Reply | None:
        """A refusal that needs no question to the server, or None."""
        if self._size_limit and len(mail.data) > self._size_limit:
            text = f"5.3.4 message of {len(mail.data)} octets, the server takes {self._size_limit} at most"
            return Reply("mail", 552, text)
        if mail.sender and not _PATH.fullmatch(mail.sender):
            return Reply("mail", 553, "5.1.7 sender address cannot be used in SMTP")
        if not _PATH.fullmatch(mail.recipient):
            return Reply("rcpt", 553, "5.1.3 recipient address cannot be used in SMTP")
        if mail.recipient.isascii() and mail.sender.isascii():
            return None
        return self._unfit_for_ascii(mail)

    def _unfit_for_ascii(self, mail: Mail) -> Reply | None:
        for phase, address, code in (("mail", mail.sender, "5.1.7"), ("rcpt", mail.recipient, "5.1.3")):
            try:
                local_only = ascii_domain(address)
            except ValueError:
                return Reply(phase, 553, f"{code} the domain of this address is not valid")
            if not local_only.isascii() and "SMTPUTF8" not in self._features:
                return Reply(phase, 553, "5.6.7 the address needs SMTPUTF8, which this server does not offer")
        return None

    def _envelope(self, mail: Mail) -> tuple[bytes, bytes, bytes]:
        sender, recipient, options = mail.sender, mail.recipient, ""
        if "SIZE" in self._features:
            options = f" SIZE={len(mail.data)}"
        if not (sender.isascii() and recipient.isascii()):
            sender, recipient = ascii_domain(sender), ascii_domain(recipient)
            if not (sender.isascii() and recipient.isascii()):
                options += " SMTPUTF8"
        if "8BITMIME" in self._features and not mail.data.isascii():
            options += " BODY=8BITMIME"
        return f"MAIL FROM:<{sender}>{options}\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode(), b"DATA\r\n"

    def _ask(self, phase: str, command: bytes, timeout: float) -> Reply:
        self._write(command)
        return self._read(phase, timeout)

    def _write(self, command: bytes) -> None:
        if self.closed:
            return
        try:
            self._wire.send(command)
        except Lost:
            pass  # reading finds the same end, and before it perhaps a 421 that says why

    def _read(self, phase: str, timeout: float) -> Reply:
        if self.closed:
            return Reply(phase, 0, LOST_EARLIER)
        try:
            code, text = self._wire.reply(timeout)
        except Lost as lost:
            code, text = 0, str(lost)
        if code <= 0 or code == 421:
            self._drop()
        return Reply(phase, code, text)

    def _drop(self) -> None:
        if not self.closed:
            self.closed = True
            self._wire.close()


def _stuffed(data: bytes) -> bytes:
    """With dots doubled (RFC 5321 section 4.5.2) and a line end at the end."""
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    if b"\r\n." in data:
        data = data.replace(b"\r\n.", b"\r\n..")
    return b"." + data if data.startswith(b".") else data
