"""Tiny IMAP and POP3 servers for tests: one mailbox, one login, just the commands that reading bounces needs."""

import base64
import re
import socketserver
import ssl
import threading
from itertools import count

import pytest

LOGIN, PASSWORD = "bounces@example.com", "a pass word"


class _Conversation(socketserver.BaseRequestHandler):
    """One client. The server's own methods answer it, through `say` and `hear`."""

    def handle(self):
        server, self.socket = self.server.owner, self.request
        try:
            if server.implicit:
                self.start_tls()
            self.file = self.socket.makefile("rb")
            server.converse(self)
        except OSError:
            pass
        finally:
            self.socket.close()

    def start_tls(self):
        self.socket = self.server.owner.tls.wrap_socket(self.socket, server_side=True)
        self.file = self.socket.makefile("rb")

    def say(self, *lines: str | bytes):
        self.socket.sendall(b"".join((line.encode() if isinstance(line, str) else line) + b"\r\n" for line in lines))

    def hear(self) -> str:
        if line := self.file.readline():
            return line.decode().rstrip("\r\n")
        raise ConnectionResetError


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True


class MailServer:
    """Runs in a thread: `host`, `port`. With `tls` (a context) STARTTLS is offered, or TLS spoken from the start."""

    host = "127.0.0.1"

    def __init__(self, tls: ssl.SSLContext | None = None, *, implicit: bool = False):
        self.tls, self.implicit = tls, implicit
        self.sign_ins: list[tuple[str, str]] = []
        self.tokens: set[str] = set()  # that XOAUTH2 takes
        self._ids = count(1)

    def __enter__(self):
        self._listener = _Listener((self.host, 0), _Conversation)
        self._listener.owner = self
        self.port = self._listener.server_address[1]
        threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self._listener.shutdown()
        self._listener.server_close()

    def accepts(self, login: str, password: str) -> bool:
        self.sign_ins.append((login, password))
        return (login, password) == (LOGIN, PASSWORD)

    def accepts_bearer(self, client: _Conversation) -> bool:
        """XOAUTH2 from its first question on, as Google and Microsoft speak it."""
        client.say("+ ")
        login, bearer = base64.b64decode(client.hear()).decode().removesuffix("\1\1").split("\1")
        token = bearer.removeprefix("auth=Bearer ")
        self.sign_ins.append((login.removeprefix("user="), token))
        if login == f"user={LOGIN}" and token in self.tokens:
            return True
        client.say("+ " + base64.b64encode(b'{"status":"400"}').decode())
        assert client.hear() == "", "RFC 7628 section 3.2.3"
        return False


class ImapServer(MailServer):
    """`folders`: name -> {uid: (raw, flags)}. `announce`: octets that a FETCH claims to send, if not the true ones."""

    def __init__(self, *args, capabilities: str = "IMAP4rev1 MOVE", **options):
        super().__init__(*args, **options)
        self.capabilities, self.validity = capabilities, 11
        self.folders: dict[str, dict[int, tuple[bytes, set[str]]]] = {"INBOX": {}}
        self.announce: int | None = None

    def deliver(self, *mails: bytes) -> None:
        """Put mails into the INBOX."""
        self.folders["INBOX"].update({next(self._ids): (raw, set()) for raw in mails})

    def converse(self, client):
        self.selected = ""
        client.say("* OK ready")
        while True:
            tag, _, rest = (client.hear()).partition(" ")
            name, _, arguments = rest.partition(" ")
            if name.upper() == "UID":
                name, _, arguments = arguments.partition(" ")
            answer = getattr(self, f"do_{name.lower()}")(client, arguments)
            client.say(f"{tag} {answer or 'OK done'}")
            if name.upper() == "STARTTLS":
                client.start_tls()
            if name.upper() == "LOGOUT":
                return

    def do_capability(self, client, _):
        offered = " STARTTLS" if self.tls and not self.implicit else ""
        client.say(f"* CAPABILITY {self.capabilities}{offered}{' AUTH=XOAUTH2' if self.tokens else ''}")

    def do_starttls(self, client, _):
        return None if self.tls else "BAD no TLS here"

    def do_login(self, client, arguments):
        login, password = (part.strip('"') for part in re.findall(r'"[^"]*"|\S+', arguments))
        return None if self.accepts(login, password) else f"NO [AUTHENTICATIONFAILED] wrong: {password}"

    def do_authenticate(self, client, arguments):
        assert arguments == "XOAUTH2"
        return None if self.accepts_bearer(client) else "NO AUTHENTICATE failed."

    def do_select(self, client, arguments):
        self.selected = arguments.strip('"')
        if self.selected not in self.folders:
            return "NO no such folder"
        client.say(f"* {len(self.folders[self.selected])} EXISTS", f"* OK [UIDVALIDITY {self.validity}] valid")
        return None

    def do_search(self, client, arguments):
        first, uids = int(re.search(r"(\d+):\*", arguments)[1]), sorted(self.folders[self.selected])
        found = {uid for uid in uids if uid >= first} | set(uids[-1:])  # RFC 3501 section 6.4.8: * is the last one
        client.say(f"* SEARCH {' '.join(map(str, sorted(found)))}")

    def do_fetch(self, client, arguments):
        uid = int(arguments.split()[0])
        if mail := self.folders[self.selected].get(uid):
            size = int(re.search(r"<0\.(\d+)>", arguments)[1])
            raw = mail[0][:size]
            client.say(f"* 1 FETCH (UID {uid} BODY[]<0> {{{self.announce or len(raw)}}}", raw + b")")

    def do_store(self, client, arguments):
        uid, what, flags = arguments.split(" ", 2)
        assert what == "+FLAGS.SILENT"
        self.folders[self.selected][int(uid)][1].update(flags.strip("()").split())

    def do_status(self, client, arguments):
        return None if re.match('"(.*)"', arguments)[1] in self.folders else "NO no such folder"

    def do_create(self, client, arguments):
        if self.capabilities.endswith("BELOW") and not arguments.strip('"').startswith("INBOX."):
            return "NO only below INBOX"
        self.folders[arguments.strip('"')] = {}
        return None

    def do_copy(self, client, arguments):
        uid, folder = arguments.split(" ", 1)
        self.folders[folder.strip('"')][next(self._ids)] = self.folders[self.selected][int(uid)]

    def do_move(self, client, arguments):
        self.do_copy(client, arguments)
        del self.folders[self.selected][int(arguments.split()[0])]

    def do_expunge(self, client, arguments):
        del self.folders[self.selected][int(arguments)]

    def do_logout(self, client, _):
        client.say("* BYE")


class PopServer(MailServer):
    """`mails`: unique id -> raw."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.mails: dict[str, bytes] = {}
        self.asked: list[str] = []

    def deliver(self, *mails: bytes) -> None:
        """Put mails into the maildrop."""
        self.mails.update({f"u{next(self._ids)}": raw for raw in mails})

    def converse(self, client):
        deleted, self.names = set(), list(self.mails)
        client.say("+OK ready")
        name = ""
        while name != "QUIT":
            name, _, argument = client.hear().partition(" ")
            self.asked.append(name)
            if name == "AUTH" and self.tokens:
                client.say("+OK" if self.accepts_bearer(client) else "-ERR refused")
                continue
            client.say(*getattr(self, f"do_{name.lower()}")(argument, deleted))
            if name == "STLS" and self.tls:
                client.start_tls()

    def do_capa(self, argument, deleted):
        return ["+OK", "TOP", *(["STLS"] if self.tls else []), "."]

    def do_stls(self, argument, deleted):
        return ["+OK" if self.tls else "-ERR no TLS here"]

    def do_auth(self, argument, deleted):
        return ["-ERR no such way of signing in"]

    def do_user(self, argument, deleted):
        self.login = argument
        return ["+OK"]

    def do_pass(self, argument, deleted):
        return ["+OK" if self.accepts(self.login, argument) else f"-ERR wrong: {argument}"]

    def do_stat(self, argument, deleted):
        return [f"+OK {len(self.names)} 1000"]

    def do_list(self, argument, deleted):
        return ["+OK", *(f"{n} {len(self.mails[name])}" for n, name in enumerate(self.names, start=1)), "."]

    def do_uidl(self, argument, deleted):
        return ["+OK", *(f"{n} {name}" for n, name in enumerate(self.names, start=1)), "."]

    def do_retr(self, argument, deleted):
        number, _, limit = argument.partition(" ")
        lines = self.mails[self.names[int(number) - 1]].split(b"\n")
        lines = lines[: int(limit)] if limit else lines
        return ["+OK", *(b"." + line if line.startswith(b".") else line for line in lines), "."]

    do_top = do_retr

    def do_dele(self, argument, deleted):
        deleted.add(self.names[int(argument) - 1])
        return ["+OK"]

    def do_quit(self, argument, deleted):
        self.mails = {name: raw for name, raw in self.mails.items() if name not in deleted}
        return ["+OK"]


@pytest.fixture
def imap():
    """An IMAP server in clear text."""
    with ImapServer() as server:
        yield server


@pytest.fixture
def pop():
    """A POP3 server in clear text."""
    with PopServer() as server:
        yield server


@pytest.fixture
def tls_context(certificate) -> ssl.SSLContext:
    """For servers that are to be trusted with `ca_file=certificate`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
