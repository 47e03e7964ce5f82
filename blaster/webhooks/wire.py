"""One HTTP request, of which only the status matters: no redirects, no cookies, and an end to everything."""

import re
import ssl
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from blaster.mail import dial, targets

SECONDS = 15.0  # for the whole of it
FOR_WORDS = 1.0  # seconds between two parts of what is said behind the head
LONGEST = 16 * 1024  # octets of an answer that are read
_STATUS = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)[^\n]*\n", re.ASCII)


class Failed(Exception):
    """No answer; the words are for the owner of the address."""


def post(url: str, headers: Mapping[str, str], body: bytes, ca_file: str = "") -> tuple[int, str]:
    """Status, and the beginning of what was said. Raises Failed."""
    try:
        return _post(urlsplit(url), headers, body, ca_file)
    except targets.Forbidden as error:
        raise Failed(str(error)) from None
    except ssl.SSLCertVerificationError as error:
        raise Failed(f"The certificate was not accepted: {error.verify_message}.") from None
    except TimeoutError:
        raise Failed(f"No answer within {SECONDS:.0f} seconds.") from None
    except (OSError, UnicodeError) as error:
        raise Failed(f"No connection: {getattr(error, 'strerror', None) or 'it broke off'}.") from None


def _post(parts, headers: Mapping[str, str], body: bytes, ca_file: str) -> tuple[int, str]:
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    deadline = time.monotonic() + SECONDS
    with dial.connect(targets.WEBHOOK, parts.hostname, port, SECONDS) as line:
        line.settimeout(_left(deadline))
        if not is_secure:
            return _talk(line, _request(parts, headers, body), deadline)
        with _context(ca_file).wrap_socket(line, server_hostname=parts.hostname) as secured:
            return _talk(secured, _request(parts, headers, body), deadline)


def _context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def _request(parts, headers: Mapping[str, str], body: bytes) -> bytes:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    said = {"Host": parts.netloc, "Content-Length": str(len(body)), "Connection": "close", **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items()), "", ""]
    return "\r\n".join(lines).encode("ascii") + body


def _talk(line, request: bytes, deadline: float) -> tuple[int, str]:
    line.settimeout(_left(deadline))
    line.sendall(request)
    answer = b"".join(_read(line, deadline))
    found = _STATUS.search(answer)
    if found is None:
        raise Failed("The answer is not that of a web server.")
    text = answer.partition(b"\r\n\r\n")[2].decode("utf-8", "replace")
    return int(found[1]), "".join(sign if sign.isprintable() else " " for sign in text[:300]).strip()


def _read(line, deadline: float) -> Iterator[bytes]:
    """To the end, or as far as the first words of the answer: nobody waits long for what is behind its head."""
    size, head = 0, b""
    while size < LONGEST:
        line.settimeout(min(_left(deadline), FOR_WORDS) if b"\r\n\r\n" in head else _left(deadline))
        try:
            chunk = line.recv(4096)
        except TimeoutError:
            if b"\r\n\r\n" not in head:
                raise
            return
        if not chunk:
            return
        size, head = size + len(chunk), head + chunk
        yield chunk


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
