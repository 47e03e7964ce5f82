"""The demo's mail sink as a process: notes every mail with its login, and can be made to seem far away."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blaster.demo.faults import Faults
from blaster.demo.maillog import Record, read_log
from scripts.bench.bed import PROJECT
from scripts.lab.ports import free_port


class Sink:
    """`port`, `pid`, and what it noted."""

    def __init__(self, folder: Path, name: str = "sink", **faults):
        self.log, self.port, rules = folder / f"{name}.log", free_port(), folder / f"{name}.json"
        Faults(**faults).save(rules)
        options = ["--port", str(self.port), "--log", str(self.log), "--faults", str(rules)]
        command = [sys.executable, "-m", "blaster.demo.sink", *options]
        self._process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE)
        self._process.stdout.readline()  # it says when it listens
        self.pid = self._process.pid

    def accepted(self) -> int:
        """Mails so far; reads the whole log."""
        return self.log.read_bytes().count(b"\n")

    def records(self) -> list[Record]:
        """All that was accepted."""
        return list(read_log(self.log))

    def stop(self) -> None:
        """At once."""
        self._process.kill()
        self._process.wait()


@contextmanager
def sink(**faults) -> Iterator[tuple[int, Callable[[], int]]]:
    """(port, how many mails were accepted so far); `faults` as the fields of demo.faults.Faults."""
    with tempfile.TemporaryDirectory(prefix="sink") as folder:
        running = Sink(Path(folder), **faults)
        try:
            yield running.port, running.accepted
        finally:
            running.stop()
