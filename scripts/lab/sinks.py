"""The mail servers of the lab: processes of the demo's sink, each with its own ways, and what they have seen."""

import socket
import sys
import time
from collections import Counter
from pathlib import Path

from blaster.demo.maillog import Record, read_log
from blaster.supervisor import Child
from scripts.lab import trouble
from scripts.lab.certificate import write_certificate
from scripts.lab.plan import Plan
from scripts.lab.ports import free_port


class SinkProcess:
    """One mail server. `encryption` as a server of the product has it."""

    def __init__(self, folder: Path, name: str, env: dict, *options: str, encryption="none", pipelining=True):
        folder.mkdir(parents=True)
        self.encryption, self.pipelining, self.port = encryption, pipelining, free_port()
        self.log, self._faults = folder / "sink.log", folder / "faults.json"
        self._fault_log = folder / "sink.log.faults"
        self._read_to = self._accepted = 0
        self._output = open(folder / "output", "w")
        argv = [sys.executable, "-m", "blaster.demo.sink", "--port", str(self.port), "--log", str(self.log)]
        self._child = Child(name, [*argv, "--faults", str(self._faults), *options], env, self._output)

    def start(self, faults) -> None:
        faults.save(self._faults)
        self._child.keep_alive()
        deadline = time.monotonic() + 30
        while not _answers(self.port):
            if time.monotonic() > deadline or not self._child.is_running():
                raise RuntimeError("the mail sink does not start")
            time.sleep(0.05)

    def heal(self) -> None:
        """No more trouble, and no more waiting."""
        trouble.none(pipelining=self.pipelining).save(self._faults)

    def stop(self) -> None:
        self._child.finish()
        self._output.close()

    def accepted(self) -> int:
        """Mails taken so far."""
        with self.log.open("rb") as log:
            log.seek(self._read_to)
            news = log.read()
        self._read_to += len(news)
        self._accepted += news.count(b"\n")
        return self._accepted

    def records(self) -> list[Record]:
        return list(read_log(self.log))

    def faults_played(self) -> Counter:
        """How often each (stage, action) happened."""
        lines = self._fault_log.read_text().splitlines()
        return Counter(tuple(line.split("\t")[1:3]) for line in lines)


def sinks(folder: Path, env: dict) -> list[SinkProcess]:
    """A modern relay, one without PIPELINING, one with STARTTLS; they trust each other's certificate."""
    certificate = str(write_certificate(folder / "certificate.pem"))
    return [
        SinkProcess(folder / "sink-1", "relay", env),
        SinkProcess(folder / "sink-2", "old relay", env, pipelining=False),
        SinkProcess(folder / "sink-3", "tls relay", env, "--cert", certificate, encryption="starttls"),
    ]


def start_all(running: list[SinkProcess], plan: Plan) -> None:
    """Each with its own share of trouble."""
    for number, sink in enumerate(running):
        chance = plan.random(f"sink {number}")
        sink.start(trouble.troubles(chance, rtt_ms=plan.rtt_ms, pipelining=sink.pipelining))


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
