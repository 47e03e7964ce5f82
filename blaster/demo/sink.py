"""A mail sink: an SMTP server that takes every mail, notes it in a log, and delivers nothing.

    python -m blaster.demo.sink --port 2525 --log var/sink.log
    python -m blaster.demo.sink --report var/sink.log

It serves the demo and the tests. A mail is in the log before its 250 goes out, so the log is the truth about what was
accepted, whatever happens to the sender. Beside `LOG` there is `LOG.faults`: each fault played, as time, stage, action,
login, recipient.
"""

import argparse
import asyncio
import json
import re
import signal
import ssl
import sys
import time
from collections.abc import Coroutine
from pathlib import Path

from blaster.demo.conversation import Conversation
from blaster.demo.faults import Faults, Script
from blaster.demo.maillog import AppendLog, read_log, report

__all__ = ["Sink", "main", "read_log", "report"]

DRAIN_SECONDS = 15.0
_HEADER = re.compile(rb"(?im)^(subject|message-id):[ \t]*((?:.*\r\n[ \t]+)*.*)\r$")


class Sink:
    """One listening SMTP server; `faults` is followed while it runs if it names a file.

    With `tls` it offers STARTTLS, with `implicit_tls` as well it speaks TLS from the first byte. With `keep`, a folder,
    every accepted mail is also written there as `<number>.eml` (on the wire format: CRLF, dots still doubled).
    """

    def __init__(
        self,
        log: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Faults | Path | None = None,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        keep: Path | None = None,
    ):
        self.log_path, self.host, self.port, self.keep = log, host, port, keep
        self.tls, self.implicit_tls = tls, implicit_tls
        self.faults_path = faults if isinstance(faults, Path) else None
        self.script = Script(faults if isinstance(faults, Faults) else Faults())
        self.conversations: set[Conversation] = set()
        self.incoming = memoryview(bytearray(65_536))
        self.accepted = 0
        self.tokens: set[str] | None = None  # access tokens that XOAUTH2 takes; None: any
        self._tasks: set[asyncio.Task] = set()

    async def start(self) -> None:
        """Listen; afterwards `port` is the real one."""
        self.log = AppendLog(self.log_path)
        self.fault_log = AppendLog(self.log_path.with_name(self.log_path.name + ".faults"))
        if self.keep:
            self.keep.mkdir(parents=True, exist_ok=True)
        if self.faults_path:
            self.script = Script(Faults.load(self.faults_path))
            self.spawn(self._follow_faults(self.faults_path))
        tls = self.tls if self.implicit_tls else None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Conversation(self), self.host, self.port, ssl=tls, backlog=1000)
        self.port = self._server.sockets[0].getsockname()[1]

    async def drain(self, seconds: float) -> None:
        """Wait until no conversation is open: a sender that stops at the same time misses no reply and no server."""
        deadline = time.monotonic() + seconds
        while self.conversations and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Stop listening and cut every conversation."""
        self._server.close()
        for conversation in list(self.conversations):
            conversation.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.log.close()
        self.fault_log.close()

    def spawn(self, work: Coroutine) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def play(self, faults: Faults) -> None:
        """Behave like this from now on, in open conversations too."""
        self.script = Script(faults)

    def extensions(self, secure: bool) -> list[str]:
        """What EHLO announces."""
        faults = self.script.faults
        offers = {
            "PIPELINING": faults.pipelining,
            f"SIZE {faults.size}": faults.size,
            "STARTTLS": self.tls is not None and not secure,
            "AUTH PLAIN LOGIN XOAUTH2": faults.auth,
        }
        return [name for name, offered in offers.items() if offered] + ["8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"]

    def accept(self, conversation: Conversation, message: bytes) -> None:
        """Note the mail once per recipient, before the caller says 250."""
        self.accepted += 1
        if self.keep:
            (self.keep / f"{self.accepted:08}.eml").write_bytes(message)
        now, login, sender = self.now_ms(), conversation.login or "-", conversation.sender
        rest = (*_headers(message), len(message))
        self.log.append(*((now, login, sender, recipient, *rest) for recipient in conversation.recipients))

    @staticmethod
    def now_ms() -> int:
        return time.time_ns() // 1_000_000

    async def _follow_faults(self, path: Path) -> None:
        seen = _changed_at(path)
        while True:
            await asyncio.sleep(0.2)
            if _changed_at(path) != seen:
                seen = _changed_at(path)
                self.play(Faults.load(path))


def _headers(message: bytes) -> tuple[str, str]:
    """Message-ID and subject, as they stand in the message, unfolded."""
    head = message[: message.find(b"\r\n\r\n") + 2]
    found = {name.lower(): value.decode("utf-8", "replace") for name, value in _HEADER.findall(head)}
    return found.get(b"message-id", ""), found.get(b"subject", "")


def _changed_at(path: Path) -> tuple[int, int] | None:
    return (path.stat().st_mtime_ns, path.stat().st_ino) if path.exists() else None


async def _serve(sink: Sink) -> None:
    await sink.start()
    print(f"Mail sink on {sink.host}:{sink.port}, log in {sink.log_path}", flush=True)
    asked = asyncio.Event()
    if sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    try:
        await asked.wait()
        await sink.drain(DRAIN_SECONDS)
    finally:
        await sink.stop()


def _tls_context(options: argparse.Namespace) -> ssl.SSLContext | None:
    if not options.cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.cert, options.key)
    return context


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m blaster.demo.sink", description=__doc__.split("\n\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=2525, help="port to listen on, 0 = any (default: %(default)s)")
    parser.add_argument("--log", type=Path, default=Path("sink.log"), help="file that accepted mails are appended to")
    parser.add_argument("--keep", type=Path, help="folder to write every accepted mail to, as NUMBER.eml")
    parser.add_argument("--faults", type=Path, help="JSON file with scripted trouble, followed while the sink runs")
    parser.add_argument("--cert", help="PEM certificate: offers STARTTLS")
    parser.add_argument("--key", help="PEM key of the certificate, if it is in another file")
    parser.add_argument("--tls", action="store_true", help="TLS from the first byte instead of STARTTLS")
    parser.add_argument("--report", type=Path, metavar="LOG", help="print what that log holds, as JSON, and exit")
    return parser


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    if options.report:
        print(json.dumps(report(options.report), indent=2))
        return 0
    sink = Sink(
        options.log,
        host=options.host,
        port=options.port,
        faults=options.faults,
        tls=_tls_context(options),
        implicit_tls=options.tls,
        keep=options.keep,
    )
    try:
        asyncio.run(_serve(sink))
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
