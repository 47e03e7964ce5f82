"""Runs N identical worker processes and starts one anew when it dies."""

import sys

from blaster.supervisor import supervise


def launch(processes: int, *, name: str = "", env=None) -> int:
    """Until SIGTERM or Ctrl-C; returns the exit code. `name`: the host name they show (default: this host's)."""
    command = [sys.executable, "-m", "blaster.workers", *([name] if name else [])]
    commands = {f"worker-{number}": command for number in range(1, processes + 1)}
    return supervise(commands, env=env)
