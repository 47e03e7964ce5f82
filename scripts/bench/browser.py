"""A signed-in browser that looks at a page again and again, and the web server it asks."""

import http.client
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from scripts.bench.bed import PASSWORD, PROJECT, Bed, wait_for
from scripts.lab.ports import free_port

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@contextmanager
def web(bed: Bed) -> Iterator[tuple[int, int]]:
    """The web server as `python app.py` runs it: (port, process id)."""
    port = free_port()
    env = {**bed.env, "BLASTER_PORT": str(port)}
    with open(bed.folder / "web.log", "w") as log:
        process = subprocess.Popen([sys.executable, "app.py"], env=env, cwd=PROJECT, stdout=log, stderr=log)
    try:
        wait_for(lambda: _answers(port), 60, "the web server")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        return Browser(port).get("/healthz")[0] == 200
    except OSError:
        return False


class Browser:
    """One kept connection with its cookies."""

    def __init__(self, port: int):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookies: dict[str, str] = {}

    def sign_in(self, email: str) -> "Browser":
        token = _TOKEN.search(self.get("/login")[1].decode())[1]
        form = urlencode({"csrf_token": token, "email": email, "password": PASSWORD})
        status, _ = self._ask("POST", "/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
        if status != 303:
            sys.exit(f"The sign-in was answered with {status}.")
        return self

    def get(self, path: str, *, fragment: bool = False) -> tuple[int, bytes]:
        """Status and body; `fragment`: as a page that refreshes itself asks."""
        return self._ask("GET", path, None, {"HX-Request": "true"} if fragment else {})

    def cookies(self) -> str:
        """The header by which it is known."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def _ask(self, method, path, body, headers):
        self._connection.request(method, path, body, {**headers, "Cookie": self.cookies()})
        answer = self._connection.getresponse()
        for header in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = header.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer.status, answer.read()


class Visitors:
    """Browsers that look at their pages until `stop`, each in a thread, with `pause` seconds between two looks."""

    def __init__(self, pages: list[tuple[Browser, str]], pause: float = 0.0):
        self.times: list[float] = []
        self._pause, self._stop = pause, threading.Event()
        self._started = time.monotonic()
        self._threads = [threading.Thread(target=self._look, args=page, daemon=True) for page in pages]
        for thread in self._threads:
            thread.start()

    def stop(self) -> dict[str, float]:
        """Requests a second and how long they took."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        wall, times = time.monotonic() - self._started, sorted(self.times) or [0.0]
        p50, p95 = (1000 * times[int(len(times) * share)] for share in (0.5, 0.95))
        return {"requests/s": len(self.times) / wall, "p50 ms": p50, "p95 ms": p95}

    def _look(self, browser: Browser, path: str) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            status, _ = browser.get(path, fragment=True)
            if status not in (200, 204):
                sys.exit(f"{path} was answered with {status}.")
            self.times.append(time.monotonic() - started)
            self._stop.wait(self._pause)
