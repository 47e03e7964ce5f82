"""Opens connections to what users name, except for SMTP: to an address that was looked up and judged once."""

import socket
import time

from blaster.mail import targets


def connect(kind: str, host: str, port: int, timeout: float) -> socket.socket:
    """A connection in clear text, `timeout` seconds for all addresses of the host together, then for each answer.

    TLS on top of it is to be checked against the host's name. Raises OSError; targets.Forbidden is one.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = targets.permitted(kind, host, port, found)
    deadline = time.monotonic() + timeout
    for left, (family, sort, protocol, _, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        line = socket.socket(family, sort, protocol)
        try:
            line.settimeout(max((deadline - time.monotonic()) / left, 0.01))
            line.connect(address)
            line.settimeout(timeout)
            return line
        except OSError:
            line.close()
            if left == 1:
                raise
    raise AssertionError("getaddrinfo found nothing and did not say so")
