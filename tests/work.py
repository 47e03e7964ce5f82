"""Runs worker processes, or one worker inside this process, until the queue is where a test wants it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager

from blaster import config
from blaster.workers.orchestrator import Orchestrator
from tests.queue_data import statuses


@contextmanager
def worker(env: dict[str, str], **changes):
    """One worker in a thread of this process; `changes` are settings as environment variables without the prefix."""
    env = {**env, **{f"BLASTER_{name.upper()}": str(value) for name, value in changes.items()}}
    orchestrator = Orchestrator(config.load(env))
    thread = threading.Thread(target=orchestrator.run)
    thread.start()
    try:
        yield orchestrator
    finally:
        orchestrator.stop.set()
        thread.join(30)
        assert not thread.is_alive(), "the worker did not stop"


class Process:
    """One worker process."""

    def __init__(self, env: dict[str, str], name: str = "host", **changes):
        changes = {f"BLASTER_{key.upper()}": str(value) for key, value in changes.items()}
        with open(f"{env['BLASTER_DATA_DIR']}/{name}.log", "a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "blaster.workers", name], env={**os.environ, **env, **changes}, stderr=log
            )

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self, timeout: float = 20) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)


@contextmanager
def processes(env: dict[str, str], count: int, **changes):
    """Several worker processes."""
    running = [Process(env, f"host-{i}", **changes) for i in range(count)]
    try:
        yield running
    finally:
        for each in running:
            if each.process.poll() is None:
                each.signal(signal.SIGCONT)
                each.stop()


def wait_until(condition: Callable[[], bool], seconds: float = 60, what: str = "") -> None:
    """Poll until the condition holds; fails the test after so long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (
            f"still not {what or condition.__doc__ or 'true'} after {seconds} s: {statuses()}"
        )
        time.sleep(0.05)


def is_at_rest(campaign_id: int = 7) -> bool:
    """Nothing is pending or under way."""
    return not {"pending", "claimed", "sending"} & set(statuses(campaign_id))
