"""Postfix's smtp-sink, which takes every mail and forgets it, and smtp-source, the fastest sender at hand."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager

from scripts.bench import cpu
from scripts.lab.ports import free_port

SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"])
HINT = "smtp-sink is missing: it comes with Postfix (apt-get install postfix, choose “No configuration”)"


def require() -> None:
    """End here with a hint when it is not installed."""
    if not _path("smtp-sink"):
        sys.exit(HINT)


@contextmanager
def sink():
    """A running smtp-sink: (port, process)."""
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        [_path("smtp-sink"), *user, "-m", "1000", f"127.0.0.1:{port}", "1000"], stdin=subprocess.DEVNULL
    )
    try:
        time.sleep(0.3)
        yield port, process
    finally:
        process.terminate()
        process.wait()


def source(port: int, mails: int, size: int, sessions: int = 10) -> tuple[float, float]:
    """Send so many mails over kept connections; returns wall and CPU seconds of the sender."""
    options = ["-d", "-s", str(sessions), "-m", str(mails), "-l", str(size)]
    return cpu.run_all([[_path("smtp-source"), *options, f"127.0.0.1:{port}"]])


def _path(name: str) -> str | None:
    return shutil.which(name, path=SEARCH)
