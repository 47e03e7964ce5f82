"""Viewers of progress pages without a browser: what such a page asks for, when, and what it then shows."""

import asyncio
import html
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from blaster.demo.maillog import Record

KINDS = ("unchanged", "counters", "all", "chart")
_SENT = re.compile(r"is-sent[^>]*><dt>Sent</dt><dd>([\d,]+)")
_ASKS = re.compile(r'id="(counters|rate)"[^>]*? hx-get="([^"]+)" hx-trigger="every (\d+)s"')


class Answer(NamedTuple):
    """`kind`: one of KINDS; `seconds`: from the question to the last byte."""

    kind: str
    seconds: float


class Viewer:
    """One page of one campaign. `shown`: (when, mails sent) each time the page was told."""

    def __init__(self, port: int, cookies: str, campaign_id: int):
        self.answers: list[Answer] = []
        self.shown: list[tuple[float, int]] = []
        self.campaign_id, self._port, self._cookies = campaign_id, port, cookies
        self._asks: dict[str, tuple[str, int]] = {}

    async def load(self) -> None:
        """As one opens the page."""
        status, _, body = await _Connection(self._port, self._cookies).get(f"/campaigns/{self.campaign_id}")
        if status != 200:
            sys.exit(f"The page was answered with {status}.")
        self._show(body)

    async def watch(self, after: float, until: float) -> None:
        """Its parts ask for themselves; those of all viewers do not begin in step."""
        await asyncio.gather(*(self._refresh(part, after, until) for part in list(self._asks)))

    async def _refresh(self, part: str, after: float, until: float) -> None:
        connection = _Connection(self._port, self._cookies)
        await _sleep(after * self._asks[part][1], until)
        while part in self._asks and time.monotonic() < until:
            url, seconds = self._asks[part]
            began = time.monotonic()
            status, headers, body = await connection.get(url)
            self.answers.append(Answer(self._kind(part, status, headers), time.monotonic() - began))
            if status == 200:
                self._asks.pop(part)
                self._show(body)
            await _sleep(seconds, until)
        connection.close()

    def _kind(self, part: str, status: int, headers: dict[str, str]) -> str:
        if status not in (200, 204) or "hx-redirect" in headers:
            sys.exit(f"A poll was answered with {status}.")
        if part == "rate":
            return "chart"
        return "unchanged" if status == 204 else "all" if "hx-retarget" in headers else "counters"

    def _show(self, body: str) -> None:
        for part, url, seconds in _ASKS.findall(body):
            self._asks[part] = html.unescape(url), int(seconds)
        if sent := _SENT.search(body):
            self.shown.append((time.time() * 1000, int(sent[1].replace(",", ""))))


class _Connection:
    """Kept as long as the server lets it."""

    def __init__(self, port: int, cookies: str):
        self._port, self._cookies, self._writer = port, cookies, None

    async def get(self, url: str) -> tuple[int, dict[str, str], str]:
        """Status, headers (names in lower case), body; as htmx asks, where it is no page."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nCookie: {self._cookies}\r\n"
        self._writer.write(
            f"{head}{'HX-Request: true' if '/progress' in url or '/rate' in url else 'Accept: */*'}\r\n\r\n".encode()
        )
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            self.close()
        return int(first.split()[1]), headers, body.decode()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def _sleep(seconds: float, until: float) -> None:
    await asyncio.sleep(min(seconds, max(0.0, until - time.monotonic())))


async def load(viewers: list[Viewer]) -> None:
    """Open all pages, one after the other."""
    for viewer in viewers:
        await viewer.load()


async def watch(viewers: list[Viewer], seconds: float) -> None:
    """Let all pages refresh themselves for so long."""
    until = time.monotonic() + seconds
    await asyncio.gather(*(viewer.watch(n / len(viewers), until) for n, viewer in enumerate(viewers)))


def times(answers: list[Answer]) -> dict[str, float]:
    """Milliseconds."""
    ordered = sorted(answer.seconds for answer in answers)
    return {f"p{share} ms": 1000 * ordered[len(ordered) * share // 100] for share in (50, 95, 99)}


def lag(viewers: list[Viewer], accepted: Iterable[Record]) -> float:
    """Seconds that a mail was at the mail server at most before a page counted it."""
    arrived = defaultdict(list)
    for record in accepted:
        arrived[int(record.campaign)].append(record.time_ms)
    return max((_worst(viewer.shown, sorted(arrived[viewer.campaign_id])) for viewer in viewers), default=0) / 1000


def _worst(shown: list[tuple[float, int]], arrived: list[int]) -> float:
    """A page that says n is wrong from the arrival of the next mail on, until it says something else."""
    steps = zip(shown, shown[1:], strict=False)
    return max((until - arrived[sent] for (_, sent), (until, _) in steps if sent < len(arrived)), default=0)
