"""Opens SMTP sessions: connect, TLS, EHLO, AUTH. The only module that touches sockets."""

import functools
import re
import socket
import ssl
import time
from dataclasses import dataclass

from blaster.mail import targets
from blaster.mail.auth import Credentials, sign_in
from blaster.mail.session import Lost, Mail, Reply, Session

__all__ = ["Credentials", "Endpoint", "Mail", "Refused", "Reply", "Session", "open_session"]

DOT_TIMEOUT = 600  # seconds for the reply to the final dot, RFC 5321 section 4.5.3.2.6
SEND_TIMEOUT = 600  # seconds for one write: a large message may take its time on a slow line
REPLY_LIMIT = 1 << 20  # octets; a reply that is still not complete by then is garbage
TEXT_LIMIT = 1000  # characters of a reply that are kept
SUBMISSION_PORTS = (25, 587, 2525, 2587)  # never TLS from the first octet: here "tls" means STARTTLS

# Nearly every reply looks like this, and is read at a quarter of the cost.
_PLAIN_REPLY = re.compile(rb"(\d{3}) ([ -~]{0,500})\r\n")
_ACCEPTED = re.compile(rb"2\d\d [ -~]*\r\n2\d\d [ -~]*\r\n354 [ -~]*\r\n")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}[ \t]")
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), " ")


@dataclass(frozen=True)
class Endpoint:
    """Where to connect.

    encryption: none, starttls or tls. timeout: seconds for opening the session as a whole, then for each reply but the
    one to the final dot, which has dot_timeout. ca_file: trusted beside the system's authorities. hello: our name in
    EHLO.
    """

    host: str
    port: int
    encryption: str = "starttls"
    timeout: float = 30
    ca_file: str = ""
    hello: str = ""
    dot_timeout: float = DOT_TIMEOUT

    @property
    def starttls(self) -> bool:
        return self.encryption == "starttls" or (self.encryption == "tls" and self.port in SUBMISSION_PORTS)

    @property
    def implicit_tls(self) -> bool:
        return self.encryption == "tls" and not self.starttls


class Refused(Exception):
    """No session. `reply` says at which phase and why; `problem` is one of forbidden, name, refused, timeout, tls,
    certificate, auth, protocol. Neither holds a secret."""

    def __init__(self, reply: Reply, problem: str):
        super().__init__(f"{reply.phase}: {reply.code} {reply.text}")
        self.reply = reply
        self.problem = problem


def open_session(endpoint: Endpoint, credentials: Credentials | None = None) -> Session:
    """Connect, secure and sign in, within endpoint.timeout; raises Refused. One AUTH attempt, never more: repeated
    failures lock accounts. Never goes on in clear text when TLS was asked for."""
    opening = _Opening(endpoint)
    try:
        opening.connect()
        opening.secure()
        if credentials:
            opening.sign_in(credentials)
    except BaseException:
        opening.wire.close()
        raise
    return Session(opening.wire, opening.features, endpoint.timeout, endpoint.dot_timeout)


class Wire:
    """A socket with a reply reader. Raises Lost, never OSError."""

    def __init__(self):
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._limit: float | None = None
        self._encrypted = False

    def connect(self, host: str, port: int, deadline: float) -> None:
        """Try the addresses of the host in turn, each for its share of the time that is left. Raises OSError."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = targets.permitted(targets.SMTP, host, port, found)
        for number, (family, kind, protocol, _, address) in enumerate(addresses):
            self._socket = socket.socket(family, kind, protocol)
            try:
                share = (deadline - time.monotonic()) / (len(addresses) - number)
                self._wait_at_most(max(share, 0.01))
                self._socket.connect(address)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return
            except OSError:
                self.close()
                if number == len(addresses) - 1:
                    raise

    def start_tls(self, context: ssl.SSLContext, host: str, deadline: float) -> None:
        """Raises ssl.SSLError and other OSErrors. What the server said in clear text before is not believed."""
        if self._buffer:
            raise Lost("the server sent more than the answer to STARTTLS before the encryption began")
        self._wait_at_most(max(deadline - time.monotonic(), 0.01))
        self._socket = context.wrap_socket(self._socket, server_hostname=host)
        self._encrypted = True

    def own_address(self) -> str:
        host = self._socket.getsockname()[0]
        return f"[IPv6:{host}]" if ":" in host else f"[{host}]"

    def unread(self) -> bool:
        """Is there something from the server that nobody has read?"""
        return bool(self._buffer)

    def send(self, data: bytes) -> None:
        handed = 0
        deadline = time.monotonic() + SEND_TIMEOUT
        try:
            self._wait_at_most(SEND_TIMEOUT)
            handed = self._socket.send(data)
            while handed < len(data):
                if time.monotonic() > deadline:
                    raise TimeoutError
                handed += self._socket.send(memoryview(data)[handed : handed + 65536])
        except OSError as error:
            # With TLS a failed write may have put out a part of what it was given; without, it took nothing.
            raise Lost(_spoken(error), len(data) if self._encrypted else handed) from None

    def reply(self, timeout: float) -> tuple[int, str]:
        """One reply, however many lines: (code, text). Code -1: not SMTP. The whole of it must come within timeout."""
        deadline = time.monotonic() + timeout
        if not self._buffer:
            self._receive(deadline)
        if plain := _PLAIN_REPLY.match(self._buffer):
            self._buffer = self._buffer[plain.end() :]
            return int(plain[1]), plain[2].decode()
        code, lines = self.reply_lines(deadline)
        return code, _text(lines)

    def accepts_envelope(self) -> bool:
        """Take the replies to MAIL, RCPT and DATA if all three are here and say yes; saves 10 µs of 40 a mail."""
        if accepted := _ACCEPTED.match(self._buffer):
            self._buffer = self._buffer[accepted.end() :]
        return accepted is not None

    def reply_lines(self, deadline: float) -> tuple[int, list[bytes]]:
        lines, size = [], 0
        while size < REPLY_LIMIT:
            line = self._line(deadline)
            size += len(line)
            code, mark = line[:3], line[3:4]
            if not code.isdigit() or mark not in (b" ", b"-", b""):
                return -1, [line]
            lines.append(line[4:])
            if mark != b"-":
                return int(code), lines
        return -1, lines

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > REPLY_LIMIT:
                raise Lost("the server sent a line without an end")
            self._receive(deadline)
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        return line.rstrip(b"\r")

    def _receive(self, deadline: float) -> None:
        remaining = deadline - time.monotonic()
        try:
            if remaining <= 0:
                raise TimeoutError
            self._wait_at_most(remaining)
            chunk = self._socket.recv(16384)
        except OSError as error:
            raise Lost(_spoken(error), timed_out=isinstance(error, TimeoutError)) from None
        if not chunk:
            raise Lost("the server closed the connection")
        self._buffer += chunk

    def _wait_at_most(self, seconds: float) -> None:
        """Each change is a system call, so an earlier limit stays where it is no more than 1 % longer."""
        if self._limit is None or not seconds <= self._limit <= seconds * 1.01:
            self._limit = seconds
            self._socket.settimeout(seconds)


class _Opening:
    """The steps from a name and a port to a signed-in connection, under one deadline."""

    def __init__(self, endpoint: Endpoint):
        self.endpoint = endpoint
        self.deadline = time.monotonic() + endpoint.timeout
        self.wire = Wire()
        self.features: dict[str, str] = {}

    def connect(self) -> None:
        try:
            self.wire.connect(self.endpoint.host, self.endpoint.port, self.deadline)
        except UnicodeError:
            raise Refused(Reply("connect", 0, "not a host name"), "name") from None
        except OSError as error:
            names = {targets.Forbidden: "forbidden", socket.gaierror: "name", TimeoutError: "timeout"}
            raise Refused(Reply("connect", 0, _spoken(error)), names.get(type(error), "refused")) from None

    def secure(self) -> None:
        if self.endpoint.implicit_tls:
            self._handshake()
        self._expect("connect", None, 220, "refused")
        self._hello()
        if self.endpoint.starttls:
            self._starttls()

    def sign_in(self, credentials: Credentials) -> None:
        reply = sign_in(lambda command: self._ask("auth", command), self.features.get("AUTH", ""), credentials)
        if reply.code != 235:
            raise Refused(reply, "auth" if reply.code > 0 else "protocol")

    def _hello(self) -> None:
        name = (self.endpoint.hello or self.wire.own_address()).encode()
        code, lines = self._read("connect", b"EHLO " + name)
        if code // 100 == 5:
            self._expect("connect", b"HELO " + name, 250, "protocol")
            lines = []
        elif code != 250:
            raise Refused(Reply("connect", code, _text(lines)), "protocol")
        words = (line.decode("ascii", "replace").replace("=", " ").split(maxsplit=1) for line in lines[1:])
        self.features = {word[0].upper(): " ".join(word[1:]) for word in words if word}

    def _starttls(self) -> None:
        if "STARTTLS" not in self.features:
            text = "5.7.10 the server does not offer STARTTLS; nothing was sent in clear text"
            raise Refused(Reply("tls", 554, text), "tls")
        self._expect("tls", b"STARTTLS", 220, "tls")
        self._handshake()
        self._hello()

    def _handshake(self) -> None:
        context = _context(self.endpoint.ca_file)
        try:
            self.wire.start_tls(context, self.endpoint.host, self.deadline)
        except ssl.SSLCertVerificationError as error:
            text = f"5.7.10 the certificate was not accepted: {error.verify_message}"
            raise Refused(Reply("tls", 554, text), "certificate") from None
        except TimeoutError as error:
            raise Refused(Reply("tls", 0, _spoken(error)), "timeout") from None
        except (Lost, OSError) as error:
            raise Refused(Reply("tls", 0, _spoken(error)), "tls") from None

    def _expect(self, phase: str, command: bytes | None, good: int, problem: str) -> None:
        reply = self._ask(phase, command)
        if reply.code != good:
            raise Refused(reply, "protocol" if reply.code < 0 else problem)

    def _ask(self, phase: str, command: bytes | None) -> Reply:
        code, lines = self._read(phase, command)
        return Reply(phase, code, _text(lines))

    def _read(self, phase: str, command: bytes | None) -> tuple[int, list[bytes]]:
        try:
            if command is not None:
                self.wire.send(command + b"\r\n")
            return self.wire.reply_lines(self.deadline)
        except Lost as lost:
            raise Refused(Reply(phase, 0, str(lost)), "timeout" if lost.timed_out else "protocol") from None


@functools.cache
def _context(ca_file: str) -> ssl.SSLContext:
    """Verifies certificate and host name; loading the system's authorities costs 20 ms, hence the cache."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def _text(lines: list[bytes]) -> str:
    """The lines as one; an enhanced code that is repeated on each line (RFC 2034 section 4) is kept once."""
    parts = [line.decode("utf-8", "replace") for line in lines]
    if len(parts) > 1 and (code := _ENHANCED.match(parts[0])):
        parts[1:] = [part.removeprefix(code[0]) for part in parts[1:]]
    return " ".join(parts)[:TEXT_LIMIT].translate(_CONTROLS).strip()


def _spoken(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
