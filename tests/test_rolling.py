"""An upgrade under load: worker processes take turns, gunicorn changes its processes, and nobody notices."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

import pytest

from blaster import recipients
from blaster.demo.faults import Rule
from blaster.queue import leases
from tests.faults import all_sent_once
from tests.ports import free_port
from tests.queue_data import running_campaign, server_with_account, statuses
from tests.work import Process, wait_until

PROJECT = Path(__file__).parent.parent


def has_server(name: str) -> bool:
    """A process of this name sends."""
    return any(lease.name.startswith("server:") and lease.owner.startswith(f"{name}:") for lease in leases.alive())


@pytest.mark.parametrize("engine", ["mysql"], indirect=True)
def test_workers_that_take_turns_send_everything_once(databases, sink):
    for _ in range(2):
        server_with_account(accounts=2, host=sink.host, port=sink.port)
    running_campaign(mails=1_000)
    sink.play(Rule("dot", "delay", seconds=0.1))
    running = [Process(databases, f"old-{n}") for n in range(2)]
    try:
        wait_until(lambda: has_server("old-0") and has_server("old-1"))
        for n in range(2):
            running.append(Process(databases, f"new-{n}"))
            wait_until(lambda name=f"worker:new-{n}:": any(each.name.startswith(name) for each in leases.alive()))
            assert running[n].stop() == 0
        assert statuses()["pending"] > 0, "there was no load any more"
        wait_until(lambda: has_server("new-0") and has_server("new-1"))
        sink.play()
        wait_until(lambda: statuses() == {"sent": 1_000})
    finally:
        codes = [each.stop() for each in running if each.process.poll() is None]
    assert codes == [0, 0]
    all_sent_once(1_000, sink)


@contextmanager
def gunicorn(env: dict[str, str], port: int):
    """The pages as deploy/ serves them; yields the process and a function that reads its log."""
    log = Path(env["BLASTER_DATA_DIR"], "gunicorn.log")
    env = {**os.environ, **env, "WEB_CONCURRENCY": "2", "BLASTER_PORT": str(port)}
    command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "app:app"]
    with log.open("w") as output:
        process = subprocess.Popen(command, env=env, cwd=PROJECT, stdout=output, stderr=output)
    try:
        yield process, log.read_text
    finally:
        process.terminate()
        assert process.wait(40) == 0, log.read_text()


class Caller(threading.Thread):
    """Makes one list after the other until `stop`. `made`: names that were answered; `errors`: anything else."""

    def __init__(self, name: str, port: int, cookie: str, token: str):
        super().__init__(daemon=True)
        self.port, self.made, self.errors, self.stop = port, [], [], threading.Event()
        self._prefix, self._cookie, self._token = name, cookie, token

    def run(self) -> None:
        for number in count():
            if self.stop.is_set():
                return
            self._make(f"{self._prefix} {number}")

    def _make(self, name: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Cookie": f"blaster={self._cookie}", "Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request("POST", "/lists/new", urlencode({"name": name, "csrf_token": self._token}), headers)
            status = connection.getresponse().status
            self.made.append(name) if status == 303 else self.errors.append((name, status))
        except OSError as error:
            self.errors.append((name, error))
        finally:
            connection.close()


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run there")
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_pages_that_are_reloaded_refuse_and_repeat_nothing(databases, alice):
    token, port = alice.token(), free_port()
    cookie = alice.client.get_cookie("blaster").value
    with gunicorn(databases, port) as (process, log):
        wait_until(lambda: log().count("Booting worker") == 2, what="serving")
        callers = [Caller(name, port, cookie, token) for name in ("a", "b", "c")]
        for caller in callers:
            caller.start()
        wait_until(lambda: all(len(caller.made) > 5 for caller in callers))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(re.findall("Worker exiting", log())) == 2, what="reloaded")
        before = [len(caller.made) for caller in callers]
        wait_until(lambda: all(len(c.made) > n + 5 for c, n in zip(callers, before, strict=True)))
        for caller in callers:
            caller.stop.set()
        for caller in callers:
            caller.join(60)
    assert [caller.errors for caller in callers] == [[], [], []]
    made = Counter(name for caller in callers for name in caller.made)
    assert Counter(each.name for each in recipients.list_lists(alice.user_id)) == made
