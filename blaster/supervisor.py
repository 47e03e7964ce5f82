"""Keeps a handful of commands running until it is told to stop."""

import ctypes
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

log = logging.getLogger(__name__)

SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
HEALTHY_AFTER = 60.0
TICK = 0.1
UNTIL_EVERY = 0.5
PR_SET_PDEATHSIG = 1


def supervise(
    commands: Mapping[str, Sequence[str]],
    *,
    env: Mapping[str, str] | None = None,
    stop_timeout: float = 20.0,
    until: Callable[[], int | None] | None = None,
    output: TextIO | None = None,
) -> int:
    """Run the commands ({name: argv}) side by side; call it from the main thread.

    A command that ends is started again, after 1 s, then 2 s … 30 s while it keeps ending within a minute. SIGTERM or
    Ctrl-C asks all to stop and kills those still there after `stop_timeout` seconds; a second one kills at once.
    `until` is asked twice a second; its first number ends everything too. What the commands print goes to `output`
    (default: stderr), each line behind its name. Returns the number of `until`, else 0, or 1 if one had to be killed.
    """
    children = [Child(name, argv, env, output or sys.stderr) for name, argv in commands.items()]
    with _Signals() as signals:
        try:
            code = _keep_alive(children, signals, until)
        finally:
            clean = _stop(children, signals, stop_timeout)
    return code if code is not None else int(not clean)


class Child:
    """One command: its process, and when it may start again."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None, output: TextIO):
        self.name, self.argv, self.env, self.output = name, list(argv), env, output
        self.process: subprocess.Popen | None = None
        self.pause = SHORTEST_PAUSE
        self.start_at = 0.0

    def keep_alive(self) -> None:
        """Start it if it is not there and its pause is over."""
        if self.is_running():
            return
        if self.process is not None:
            self._bury()
        if self.process is None and time.monotonic() >= self.start_at:
            self._start()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.is_running():
            self.process.send_signal(signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGTERM)

    def finish(self) -> bool:
        """Kill it if it is still there, and read its last words. Returns whether it had stopped by itself."""
        clean = not self.is_running()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._reader.join(1.0)
        return clean

    def _start(self) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.argv,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            **_apart(),
        )
        self._reader = threading.Thread(target=self._relay, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _relay(self, lines: TextIO) -> None:
        with lines:
            for line in lines:
                self.output.write(f"{self.name} | {line}")
                self.output.flush()

    def _bury(self) -> None:
        now = time.monotonic()
        if now - self.started_at >= HEALTHY_AFTER:
            self.pause = SHORTEST_PAUSE
        log.warning("%s ended with code %s, starts again in %g s", self.name, self.process.returncode, self.pause)
        self._reader.join(1.0)
        self.process = None
        self.start_at = now + self.pause
        self.pause = min(2 * self.pause, LONGEST_PAUSE)


class _Signals:
    """Counts the requests to stop while it is in force."""

    def __enter__(self) -> "_Signals":
        self.count = 0
        names = ("SIGINT", "SIGTERM", "SIGBREAK")
        kinds = [getattr(signal, name) for name in names if hasattr(signal, name)]
        self._before = {kind: signal.signal(kind, self._note) for kind in kinds}
        return self

    def __exit__(self, *error) -> None:
        for kind, handler in self._before.items():
            signal.signal(kind, handler)

    def _note(self, *_) -> None:
        self.count += 1


def _keep_alive(children: list[Child], signals: _Signals, until: Callable[[], int | None] | None) -> int | None:
    ask_at = 0.0
    while not signals.count:
        for child in children:
            child.keep_alive()
        if until and time.monotonic() >= ask_at:
            if (code := until()) is not None:
                return code
            ask_at = time.monotonic() + UNTIL_EVERY
        time.sleep(TICK)
    return None


def _stop(children: list[Child], signals: _Signals, timeout: float) -> bool:
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + timeout
    patience = max(signals.count, 1)
    while any(child.is_running() for child in children):
        if time.monotonic() > deadline or signals.count > patience:
            break
        time.sleep(TICK)
    killed = [child for child in children if not child.finish()]
    return not killed


def _apart() -> dict:
    """Popen options: Ctrl-C reaches only us, so that we say when to stop; on Linux they do not outlive us."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True, "preexec_fn": _follow_parent if sys.platform == "linux" else None}


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _follow_parent() -> None:
    """SIGTERM for this process when the one that started it dies, by whatever cause."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
