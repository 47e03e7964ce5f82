"""A host's own line to the databases, which can be cut: then nothing comes through, and nothing is closed."""

import asyncio
import threading
from contextlib import suppress
from urllib.parse import ParseResult, urlparse

PIECE = 1 << 16


class Line:
    """`urls`: the given ones as they are reached through it."""

    def __init__(self, urls: list[str]):
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._whole = asyncio.Event()
        self._whole.set()
        ends = [urlparse(url) for url in urls]
        self._listeners = [self._run(self._listen(end.hostname, end.port or 3306)) for end in ends]
        ports = [listener.sockets[0].getsockname()[1] for listener in self._listeners]
        self.urls = [_through(port, end) for port, end in zip(ports, ends, strict=True)]

    def cut(self) -> None:
        """Whoever sends through it hears nothing any more, neither an answer nor an end."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """What was on its way arrives."""
        self._loop.call_soon_threadsafe(self._whole.set)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self, host: str, port: int):
        return await asyncio.start_server(lambda *client: self._join(host, port, *client), "127.0.0.1", 0)

    async def _join(self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        try:
            there, back = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                await self._whole.wait()
                writer.write(piece)
                await writer.drain()
        await self._whole.wait()
        writer.close()


def _through(port: int, end: ParseResult) -> str:
    """The URL that leads to `end` by this port of ours."""
    who = end.netloc.rpartition("@")[0]
    return end._replace(netloc=f"{who}@127.0.0.1:{port}").geturl()
