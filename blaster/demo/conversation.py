"""One SMTP conversation as the sink holds it (RFC 5321, 2920, 4954), with the faults of its script played in."""

import base64
import binascii
import re
from typing import TYPE_CHECKING

from blaster.demo.wire import Wire

if TYPE_CHECKING:
    from blaster.demo.sink import Sink

LONGEST_COMMAND = 16_384  # an access token may have several thousand characters (RFC 4954 section 4: 12,288)
_PATH = re.compile(rb"(?i)(?:FROM|TO):\s*<([^<>\r\n]*)>(.*)", re.DOTALL)
_BEARER = re.compile("user=([^\1]+)\1auth=Bearer ([^\1]+)\1\1")
_SIZE = re.compile(rb"(?i)\bSIZE=(\d+)")


class Conversation(Wire):
    """Commands and mails in, replies out."""

    def __init__(self, sink: "Sink"):
        super().__init__(sink)
        self.login = ""
        self.greeted = False
        self.auth_step = None
        self.forget_mail()

    def forget_mail(self) -> None:
        self.sender: str | None = None
        self.recipient = ""
        self.recipients: list[str] = []
        self.in_body = False
        self.scanned = 0

    # Bytes

    def greet(self) -> None:
        self.answer("banner", b"220 sink.example ESMTP\r\n")

    def take_one(self) -> bool:
        return self.take_body() if self.in_body else self.take_command()

    # Replies and faults

    def answer(self, stage: str, reply: bytes, accept=None) -> None:
        """Do what was asked and say so, unless the script has other plans."""
        script = self.sink.script
        rule = script.pick(stage, self.login, self.recipient) if script.faults.rules else None
        if accept and (rule is None or rule.accepts):
            accept()
        if rule is None:
            self.replies.append(reply)
        else:
            self.sink.fault_log.append((self.sink.now_ms(), stage, rule.action, self.login, self.recipient))
            self.play(rule, reply)

    def play(self, rule, reply: bytes) -> None:
        if rule.action in ("reply", "garbage"):
            end = b"\r\n" if rule.action == "reply" else b""
            self.replies.append(rule.reply.encode("latin-1", "replace") + end)
            if rule.reply.startswith("421"):
                self.hang_up()
        elif rule.action in ("drop", "swallow"):
            self.hang_up(rule.seconds)
        else:
            self.flush()
            for piece in [reply] if rule.action == "delay" else [bytes([byte]) for byte in reply]:
                self.send(piece, rule.seconds)

    # Commands

    def take_command(self) -> bool:
        end = self.buffer.find(b"\r\n")
        if end < 0:
            if len(self.buffer) > LONGEST_COMMAND:
                self.replies.append(b"500 5.5.2 Line too long\r\n")
                self.hang_up()
            return False
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 2]
        if b"\n" in line or b"\r" in line:
            self.replies.append(b"500 5.5.2 Bare line end in a command\r\n")
        elif self.auth_step:
            self.auth_step(line)
        else:
            self.obey(line)
        return True

    def obey(self, line: bytes) -> None:
        verb, _, rest = line.partition(b" ")
        command = COMMANDS.get(verb.upper())
        if self.buffer and not self.sink.script.faults.pipelining:
            self.replies.append(b"503 5.5.1 Commands sent ahead, PIPELINING was not offered\r\n")
            self.hang_up()
        elif command is None:
            self.replies.append(b"500 5.5.2 Command not known\r\n")
        else:
            command(self, rest)

    def helo(self, rest: bytes) -> None:
        self.answer("ehlo", b"250 sink.example\r\n", self.begin)

    def ehlo(self, rest: bytes) -> None:
        lines = ["sink.example", *self.sink.extensions(self.secure)]
        text = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
        self.answer("ehlo", text.encode(), self.begin)

    def begin(self) -> None:
        self.greeted = True
        self.forget_mail()

    def starttls(self, rest: bytes) -> None:
        if self.sink.tls is None or self.secure:
            self.replies.append(b"502 5.5.1 TLS not available\r\n")
        else:
            self.answer("starttls", b"220 2.0.0 Go ahead\r\n", self.start_over)

    def start_over(self) -> None:
        self.greeted = False
        self.begin_tls()

    def auth(self, rest: bytes) -> None:
        mechanism, _, initial = rest.partition(b" ")
        steps = {b"PLAIN": self.plain, b"LOGIN": self.login_name, b"XOAUTH2": self.bearer}
        step = steps.get(mechanism.upper())
        if not self.greeted or not self.sink.script.faults.auth or step is None:
            self.replies.append(b"504 5.5.4 Mechanism not offered\r\n")
        elif initial:
            step(initial)
        else:
            self.challenge(step, b"VXNlcm5hbWU6" if step == self.login_name else b"")

    def challenge(self, step, text: bytes) -> None:
        self.auth_step = step
        self.replies.append(b"334 " + text + b"\r\n")

    def plain(self, line: bytes) -> None:
        _, _, credentials = _decoded(line).partition("\0")
        login, _, password = credentials.partition("\0")
        self.sign_in(login, password)

    def login_name(self, line: bytes) -> None:
        login = _decoded(line)
        self.challenge(lambda answer: self.sign_in(login, _decoded(answer)), b"UGFzc3dvcmQ6")

    def bearer(self, line: bytes) -> None:
        """Google's and Microsoft's XOAUTH2; a token that is not among `sink.tokens` gets its reason in JSON first."""
        found = _BEARER.fullmatch(_decoded(line))
        if found and (self.sink.tokens is None or found[2] in self.sink.tokens):
            self.sign_in(found[1], found[2])
        else:
            self.challenge(lambda answer: self.refuse_token(), base64.b64encode(b'{"status":"400","schemes":"Bearer"}'))

    def refuse_token(self) -> None:
        self.auth_step = None
        self.replies.append(b"535 5.7.8 Username and Password not accepted\r\n")

    def sign_in(self, login: str, password: str) -> None:
        self.auth_step = None
        self.login = login
        if login and password:
            self.answer("auth", b"235 2.7.0 Signed in\r\n")
        else:
            self.replies.append(b"535 5.7.8 Login or password is wrong\r\n")

    def mail(self, rest: bytes) -> None:
        path = _PATH.match(rest)
        if not self.greeted or self.sender is not None:
            self.replies.append(b"503 5.5.1 Not now\r\n")
        elif path is None:
            self.replies.append(b"501 5.5.4 MAIL FROM:<address> expected\r\n")
        elif self.is_too_big(path[2]):
            self.replies.append(b"552 5.3.4 Message too big\r\n")
        else:
            self.answer("mail", b"250 2.1.0 Ok\r\n", lambda: self.begin_mail(path[1].decode("utf-8", "replace")))

    def is_too_big(self, parameters: bytes) -> bool:
        announced = _SIZE.search(parameters)
        limit = self.sink.script.faults.size
        return bool(limit and announced and int(announced[1]) > limit)

    def begin_mail(self, sender: str) -> None:
        self.sender = sender

    def rcpt(self, rest: bytes) -> None:
        path = _PATH.match(rest)
        if self.sender is None:
            self.replies.append(b"503 5.5.1 MAIL first\r\n")
        elif path is None or not path[1]:
            self.replies.append(b"501 5.5.4 RCPT TO:<address> expected\r\n")
        else:
            self.recipient = path[1].decode("utf-8", "replace")
            self.answer("rcpt", b"250 2.1.5 Ok\r\n", lambda: self.recipients.append(self.recipient))

    def data(self, rest: bytes) -> None:
        if not self.recipients:
            self.replies.append(b"503 5.5.1 No valid recipients\r\n")
            return
        self.answer("data", b"354 End with a dot\r\n", self.begin_body)
        if self.in_body:
            self.answer("body", b"")

    def begin_body(self) -> None:
        self.in_body = True
        self.scanned = 0

    def rset(self, rest: bytes) -> None:
        self.forget_mail()
        self.replies.append(b"250 2.0.0 Ok\r\n")

    def noop(self, rest: bytes) -> None:
        self.replies.append(b"250 2.0.0 Ok\r\n")

    def quit(self, rest: bytes) -> None:
        self.replies.append(b"221 2.0.0 Bye\r\n")
        self.hang_up()

    # The mail itself

    def take_body(self) -> bool:
        end = 0 if self.buffer.startswith(b".\r\n") else self.buffer.find(b"\r\n.\r\n", self.scanned) + 2
        if end == 1:
            self.scanned = max(len(self.buffer) - 4, 0)
            return False
        message = bytes(self.buffer[:end])
        del self.buffer[: end + 3]
        self.end_body(message)
        return True

    def end_body(self, message: bytes) -> None:
        limit = self.sink.script.faults.size
        if not message.count(b"\n") == message.count(b"\r\n") == message.count(b"\r"):
            self.replies.append(b"550 5.6.0 Bare line end in the message\r\n")
        elif limit and len(message) > limit:
            self.replies.append(b"552 5.3.4 Message too big\r\n")
        else:
            self.answer("dot", b"250 2.0.0 Ok: taken\r\n", lambda: self.sink.accept(self, message))
        self.forget_mail()


def _decoded(text: bytes) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""


COMMANDS = {
    b"HELO": Conversation.helo,
    b"EHLO": Conversation.ehlo,
    b"STARTTLS": Conversation.starttls,
    b"AUTH": Conversation.auth,
    b"MAIL": Conversation.mail,
    b"RCPT": Conversation.rcpt,
    b"DATA": Conversation.data,
    b"RSET": Conversation.rset,
    b"NOOP": Conversation.noop,
    b"QUIT": Conversation.quit,
}
