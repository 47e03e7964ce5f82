"""CPU time and memory of processes, as the kernel of Linux counts them."""

import os
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def seconds(pids) -> float:
    """User and system time of all threads of these processes so far."""
    return sum(sum(map(int, _stat(pid)[11:13])) for pid in pids) / TICK


def resident(pids) -> int:
    """Octets of memory in use now."""
    return sum(int(_stat(pid)[21]) for pid in pids) * PAGE


def peak(pids) -> int:
    """Octets of memory at the worst moment of each."""
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()


def run_all(commands: list[list[str]], **options) -> tuple[float, float]:
    """Run commands side by side: wall and CPU seconds, their children's too. Raises CalledProcessError."""
    started, spent = time.monotonic(), 0.0
    running = [subprocess.Popen(command, **options) for command in commands]
    for process in running:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        spent += usage.ru_utime + usage.ru_stime
    for process in running:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    return time.monotonic() - started, spent


class Meter:
    """CPU of named groups of processes since it was made: `Meter(sender=[1, 2], database=[3])`."""

    def __init__(self, **groups: list[int]):
        self._groups = groups
        self._before = self._now()

    def spent(self) -> dict[str, float]:
        """Seconds by group."""
        return {name: now - self._before[name] for name, now in self._now().items()}

    def _now(self) -> dict[str, float]:
        return {name: seconds(pids) for name, pids in self._groups.items()}
