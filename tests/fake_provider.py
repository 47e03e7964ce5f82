"""The token endpoint of a provider, as a real HTTP server on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest


class FakeProvider:
    """`url` is its token endpoint; `requests` are the forms that came. Change `error`, `status`, `wait` to play."""

    def __init__(self):
        self.requests: list[dict[str, str]] = []
        self.error, self.status, self.wait = "", 200, threading.Event()
        self.wait.set()
        self.lifetime = 3600
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                provider.requests.append({name: values[0] for name, values in form.items()})
                provider.wait.wait(10)
                status, answer = provider.answer(len(provider.requests))
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def answer(self, number: int) -> tuple[int, dict]:
        if self.error:
            return 400, {"error": self.error, "error_description": "Token has been expired or revoked."}
        if self.status != 200:
            return self.status, {}
        access, refresh = f"access-canary-{number}", f"refresh-canary-{number}"
        return 200, {"access_token": access, "refresh_token": refresh, "expires_in": self.lifetime}

    def close(self) -> None:
        self.wait.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def provider():
    """A provider that gives a new pair of tokens at each request."""
    fake = FakeProvider()
    yield fake
    fake.close()
