"""Simulated hosts: a name, a directory (so a journal), and worker processes that are started again when they die."""

import os
import signal
import sys
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path

from blaster.supervisor import Child
from blaster.workers import journal
from scripts.lab.line import Line
from scripts.lab.plan import Plan

RESTART_SECONDS = 0.5  # the launcher's patience grows with each death of a process; here it is not its own fault
GOOD_CODES = (0, -signal.SIGTERM)  # the latter where it came before Python was ready
SHORTER = 300  # times: where five minutes are to be waited, it is one second
JOURNAL_LOST = 200  # octets at the end of a journal that never reached the disk of a machine that went down


class Host:
    """`keep_alive` is to be called all the time."""

    def __init__(self, name: str, folder: Path, processes: int, env: dict[str, str], *options: str, line: Line | None):
        folder.mkdir(parents=True)
        self.name, self.folder, self.line = name, folder, line
        self.log = folder / "workers.log"
        self._output = self.log.open("w")
        self._boot_id = folder / "boot-id"
        self._down_until = 0.0
        self._boot()
        argv = [sys.executable, "-m", "scripts.lab.worker", name, "--boot-id", str(self._boot_id), *options]
        env = {**env, **(_urls(line.urls) if line else {}), "BLASTER_DATA_DIR": str(folder)}
        self.children = [Child(f"{name}-{n + 1}", argv, env, self._output) for n in range(processes)]

    def keep_alive(self) -> None:
        if time.monotonic() < self._down_until:
            return
        for child in self.children:
            child.pause = RESTART_SECONDS
            child.keep_alive()

    def running(self) -> list[Child]:
        return [child for child in self.children if child.is_running()]

    def go_down(self, seconds: float) -> None:
        """Nothing of it runs for so long."""
        self._down_until = time.monotonic() + seconds
        for child in self.running():
            child.process.kill()
            child.process.wait()

    def come_back(self) -> None:
        """From wherever it was: it runs again, and it reaches the databases."""
        self._down_until = 0.0
        if self.line:
            self.line.mend()

    def lose_last_writes(self) -> set[int]:
        """The machine itself went down: its journals are not complete. Returns the tokens of the leases in them."""
        self._boot()
        tokens = set()
        for path in self._journals():
            tokens |= {hold.token for hold in journal.read(path).holds}
            os.truncate(path, max(0, path.stat().st_size - JOURNAL_LOST))
        return tokens

    def is_whole(self) -> bool:
        """All of its processes run, and no dead one has left a journal that nobody has read yet."""
        running = {child.process.pid for child in self.running()}
        return len(running) == len(self.children) and running == set(map(_pid, self._journals()))

    def stop(self, timeout: float = 25.0) -> list[str]:
        """SIGTERM to all that run; those that did not end by themselves, with exit code 0 once they had started."""
        running = self.running()
        for child in running:
            child.process.send_signal(signal.SIGCONT)
            child.ask_to_stop()
        deadline = time.monotonic() + timeout
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        for child in self.children:
            child.finish()
        self._output.close()
        if self.line:
            self.line.close()
        codes = {child.name: child.process.returncode for child in running}
        return [f"{name} ended with code {code}" for name, code in codes.items() if code not in GOOD_CODES]

    def _journals(self) -> list[Path]:
        return list((self.folder / "journal").glob("*.journal"))

    def _boot(self) -> None:
        self._boot_id.write_text(uuid.uuid4().hex)


def _pid(of: Path) -> int:
    """Of the process whose journal this is: name-pid-start.journal"""
    return int(of.stem.rsplit("-", 2)[1])


def hosts(plan: Plan, folder: Path, env: dict[str, str], urls: list[str]) -> list[Host]:
    """The processes of the plan, spread over its hosts; each has a line of its own to the databases at `urls`, if lines
    are to be cut."""
    share, rest = divmod(plan.processes, plan.hosts)
    options = ["--shorter", str(SHORTER if plan.clock_speed == 1 else 1)]
    options += ["--mutant", plan.mutant] if plan.mutant else []
    sizes = [share + (number < rest) for number in range(plan.hosts)]
    lines = [Line(urls) if plan.cutoffs else None for _ in sizes]
    return [
        Host(f"host{n + 1}", folder / f"host{n + 1}", size, env, *options, line=lines[n])
        for n, size in enumerate(sizes)
    ]


def _urls(urls: list[str]) -> dict[str, str]:
    return dict(zip(("BLASTER_CAMPAIGN_URL", "BLASTER_CRM_URL"), urls, strict=True))


def freeze(child: Child) -> None:
    """Nothing of it runs any more, until it is killed or continued."""
    child.process.send_signal(signal.SIGSTOP)


def thaw_after(child: Child, seconds: float) -> None:
    """Continue it then, whatever the lab waits for: a stopped process may hold a lock that the lab needs."""
    timer = threading.Timer(seconds, child.process.send_signal, [signal.SIGCONT])
    timer.daemon = True
    timer.start()


def open_connections(child: Child, ports: set[int]) -> int:
    """Its TCP connections to these ports, as the kernel of Linux sees them."""
    sockets = set()
    for descriptor in Path(f"/proc/{child.process.pid}/fd").iterdir():
        target = ""
        with suppress(FileNotFoundError):  # closed by a thread that the signal had not reached yet
            target = os.readlink(descriptor)
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[9] in sockets and int(fields[2].rpartition(":")[2], 16) in ports for fields in lines)
