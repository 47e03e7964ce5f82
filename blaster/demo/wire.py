"""The connection under a conversation with the sink: bytes in and out, replies held back or late, TLS."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blaster.demo.sink import Sink


class Wire(asyncio.BufferedProtocol):
    """What one read brought is answered in one write, after the mails in it are in the log.

    A subclass says what comes first (`greet`) and consumes from `buffer` (`take_one`, False = more bytes are needed).
    """

    def __init__(self, sink: "Sink"):
        self.sink = sink
        self.loop = asyncio.get_running_loop()
        self.buffer = bytearray()
        self.replies: list[bytes] = []
        self.held: deque[bytes | None] = deque()
        self.due = 0.0
        self.secure = self.upgrading = self.closing = False

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.secure = transport.get_extra_info("ssl_object") is not None
        self.sink.conversations.add(self)
        self.greet()
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self.closing = True
        self.sink.conversations.discard(self)

    def get_buffer(self, size_hint: int) -> memoryview:
        # One buffer for all conversations: a fresh 256 kB per read, as asyncio.Protocol does it, costs 30 us a mail.
        return self.sink.incoming

    def buffer_updated(self, size: int) -> None:
        self.buffer += self.sink.incoming[:size]
        if not self.upgrading:
            self.take()

    def take(self) -> None:
        while self.buffer and not self.closing and self.take_one():
            pass
        self.flush()

    def flush(self) -> None:
        if self.replies:
            self.send(b"".join(self.replies))
            self.replies.clear()

    def send(self, data: bytes | None, delay: float = 0.0) -> None:
        """Write now, or in order after what is held back and `delay` seconds later; None closes the connection."""
        rtt = self.sink.script.faults.rtt_ms / 1000
        if not (rtt or delay or self.held):
            self.write(data)
            return
        self.due = max(self.loop.time() + rtt, self.due) + delay
        self.held.append(data)
        self.loop.call_at(self.due, lambda: self.write(self.held.popleft()))

    def write(self, data: bytes | None) -> None:
        if data is None:
            self.transport.close()
        elif not self.transport.is_closing():
            self.transport.write(data)

    def hang_up(self, delay: float = 0.0) -> None:
        self.flush()
        self.closing = True
        self.send(None, delay)

    def begin_tls(self) -> None:
        # What came in clear behind STARTTLS must not count as said inside TLS.
        self.buffer.clear()
        self.transport.pause_reading()  # TLS begins with the client's next octets, which may be here before it does
        self.upgrading = True
        self.sink.spawn(self.upgrade())

    async def upgrade(self) -> None:
        while self.held:
            await asyncio.sleep(0.01)
        try:
            self.transport = await self.loop.start_tls(self.transport, self, self.sink.tls, server_side=True)
        except OSError as error:
            self.transport.abort()
            self.connection_lost(error)
            return
        # A quick client's EHLO may be here already: before this line its answer would have gone out in clear text.
        self.secure, self.upgrading = True, False
        self.take()
