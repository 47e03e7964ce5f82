"""A real SMTP server for tests: the demo's sink in a thread, file-backed, so that worker processes may send to it."""

import asyncio
import email
import email.policy
import ssl
import threading
from pathlib import Path

import pytest

from blaster.demo.faults import Faults, Rule
from blaster.demo.maillog import Record, read_log, report
from blaster.demo.sink import Sink
from scripts.lab.certificate import write_certificate


class SinkThread:
    """`host`, `port`; `records()` what it accepted; `play(Rule(…), pipelining=False)` changes how it behaves."""

    def __init__(self, folder: Path, **options):
        self.sink = Sink(folder / "sink.log", keep=folder / "mails", **options)
        self.log, self.host = self.sink.log_path, self.sink.host

    def __enter__(self) -> "SinkThread":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self.sink.start())
        self.port = self.sink.port
        return self

    def __exit__(self, *error) -> None:
        self._run(self.sink.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def play(self, *rules: Rule, **options) -> None:
        """From the next command on, in open conversations too; without arguments all is well again."""
        faults = Faults(rules, **options)

        async def change():
            self.sink.play(faults)

        self._run(change())

    def records(self) -> list[Record]:
        return list(read_log(self.log))

    def report(self) -> dict:
        return report(self.log)

    def faults_played(self) -> list[list[str]]:
        """[time_ms, stage, action, login, recipient] of each fault so far."""
        lines = self.log.with_name(self.log.name + ".faults").read_text().splitlines()
        return [line.split("\t") for line in lines]

    def raw_messages(self) -> list[bytes]:
        """The accepted messages in order, as they were on the wire (dots still doubled)."""
        return [path.read_bytes() for path in sorted(self.sink.keep.iterdir())]

    def messages(self) -> list[email.message.EmailMessage]:
        """The accepted messages in order, parsed."""
        plain = (raw.replace(b"\r\n..", b"\r\n.") for raw in self.raw_messages())
        return [email.message_from_bytes(raw, policy=email.policy.default) for raw in plain]


@pytest.fixture
def sink(tmp_path):
    """A sink in clear text that takes any login and password."""
    with SinkThread(tmp_path / "sink") as running:
        yield running


@pytest.fixture
def tls_sink(tmp_path, certificate):
    """A sink with STARTTLS; clients trust it with `ca_file=certificate`."""
    with SinkThread(tmp_path / "tls-sink", tls=_context(certificate)) as running:
        yield running


@pytest.fixture
def implicit_tls_sink(tmp_path, certificate):
    """A sink that speaks TLS from the first byte."""
    with SinkThread(tmp_path / "implicit-sink", tls=_context(certificate), implicit_tls=True) as running:
        yield running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Path:
    """A PEM file with key and self-signed certificate for localhost and 127.0.0.1."""
    return write_certificate(tmp_path_factory.mktemp("certificate") / "localhost.pem")


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context
