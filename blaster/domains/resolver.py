"""Asks the DNS. The rest of the package knows only `Records`."""

import time
from typing import Protocol

import dns.exception
import dns.nameserver
import dns.resolver

EACH = 3.0  # seconds for one question …
ALL = 12.0  # … and for all questions of a check


class Unanswered(Exception):
    """The name servers did not answer, so nothing is known; `str(error)` names what was asked."""


class Records(Protocol):
    """Records by name; an empty list where there are none. Raise Unanswered."""

    def txt(self, name: str) -> list[str]: ...
    def addresses(self, name: str) -> list[str]: ...
    def exchangers(self, name: str) -> list[str]: ...


class Resolver:
    """Records as the name servers have them now. `servers`: `192.0.2.53:5353 …`; empty: the system's."""

    def __init__(self, servers: str = "", *, each: float = EACH, together: float = ALL):
        self._resolver = dns.resolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = [_server(address) for address in servers.split()]
        self._each, self._until = each, time.monotonic() + together

    def txt(self, name: str) -> list[str]:
        """Texts of several strings are put together (RFC 7208 section 3.3); in order, since servers shuffle them."""
        return sorted(b"".join(row.strings).decode("utf-8", "replace") for row in self._ask(name, "TXT"))

    def addresses(self, name: str) -> list[str]:
        """IPv4 and IPv6."""
        return [row.address for kind in ("A", "AAAA") for row in self._ask(name, kind)]

    def exchangers(self, name: str) -> list[str]:
        """Hosts of the MX records, the preferred one first."""
        rows = sorted(self._ask(name, "MX"), key=lambda row: row.preference)
        return [row.exchange.to_text().rstrip(".") for row in rows]

    def _ask(self, name: str, kind: str) -> list:
        time_left = min(self._each, self._until - time.monotonic())
        if time_left <= 0:
            raise Unanswered(f"{name} ({kind}): the check took too long")
        try:
            return list(self._resolver.resolve(name.rstrip(".") + ".", kind, lifetime=time_left))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise Unanswered(f"{name} ({kind})") from error


def _server(address: str) -> dns.nameserver.Nameserver:
    host, _, port = address.rpartition(":") if address.count(":") == 1 else (address, "", "53")
    return dns.nameserver.Do53Nameserver(host, int(port))
