"""An SMTP server that says exactly what a test tells it to: for octets and orders that the demo's sink never sends."""

import contextlib
import socket
import threading
from collections.abc import Callable

EHLO = b"250-scripted\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250 AUTH PLAIN\r\n"


class Talk:
    """One connection. `received` holds every octet that the client sent."""

    def __init__(self, connection: socket.socket):
        self._connection = connection
        self._read = 0
        self.received = b""

    def say(self, *replies: bytes) -> None:
        self.send(b"".join(reply + b"\r\n" for reply in replies))

    def send(self, octets: bytes) -> None:
        self._connection.sendall(octets)

    def until(self, end: bytes) -> bytes:
        """What came since the last call, up to and including these octets."""
        while (place := self.received.find(end, self._read)) < 0:
            self._more()
        start, self._read = self._read, place + len(end)
        return self.received[start : self._read]

    def line(self) -> bytes:
        return self.until(b"\r\n")

    def octets(self, count: int) -> None:
        """Wait until so many octets came since the last `until`."""
        while len(self.received) - self._read < count:
            self._more()

    def rest(self) -> bytes:
        """Everything until the client hangs up."""
        try:
            while True:
                self._more()
        except ConnectionError:
            return self.received[self._read :]

    def greet(self, features: bytes = EHLO) -> None:
        self.say(b"220 scripted")
        self.line()
        self.send(features)

    def envelope(self) -> None:
        """Take a pipelined MAIL, RCPT, DATA and accept it."""
        self.until(b"DATA\r\n")
        self.say(b"250 sender", b"250 recipient", b"354 go on")

    def message(self) -> bytes:
        return self.until(b"\r\n.\r\n")

    def hang_up(self) -> None:
        self._connection.close()

    def end(self) -> None:
        """For other threads: the script finds that the client hung up."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _more(self) -> None:
        chunk = self._connection.recv(65536)
        if not chunk:
            raise ConnectionError("the client hung up")
        self.received += chunk


class ScriptedServer:
    """Runs `script(talk)` for each connection, one after another. Errors in the script come out at the end."""

    def __init__(self, script: Callable[[Talk], None]):
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.host, self.port = self._listener.getsockname()[:2]
        self.talks: list[Talk] = []
        self.errors: list[Exception] = []
        self._stopping = False

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        return self

    def __exit__(self, *error) -> None:
        self._stopping = True
        for talk in self.talks:
            talk.end()
        socket.create_connection((self.host, self.port)).close()
        self._thread.join(10)
        self._listener.close()
        if self.errors and not any(error):
            raise self.errors[0]

    def _serve(self) -> None:
        while True:
            connection = self._listener.accept()[0]
            with connection:
                if self._stopping:
                    return
                connection.settimeout(10)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.talks.append(Talk(connection))
                try:
                    self._script(self.talks[-1])
                except ConnectionError:
                    pass  # a client may hang up at any time
                except Exception as error:
                    self.errors.append(error)
