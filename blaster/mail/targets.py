"""Where this host connects to because a user said so: never inside, unless the administrator allows it.

Users name SMTP servers, mailboxes and webhooks, and the pages tell them what came of it. Without this they could look
around in the network of the installation, or make it talk to services there. Names are judged by the addresses that
they lead to, at each connection, and the very address that was judged is connected to.
"""

import ipaddress
from collections.abc import Sequence
from contextlib import suppress

from blaster.config import Settings

SMTP, MAILBOX, WEBHOOK = "smtp", "mailbox", "webhook"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Clouds hand out credentials of the machine there. They lie in networks that an admin may well allow as a whole.
METADATA = {ipaddress.ip_address(text) for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")}
# Not every release of Python knows these: RFC 6890, RFC 7526, RFC 8215.
_RESERVED = [ipaddress.ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "fec0::/10")]
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 behind a gateway, RFC 6052
_COMPATIBLE = ipaddress.ip_network("::/96")  # IPv4 in IPv6 as it once was, RFC 4291 section 2.5.5.1
_SETTINGS = {SMTP: "BLASTER_SMTP_PORTS", MAILBOX: "BLASTER_MAILBOX_PORTS", WEBHOOK: "BLASTER_WEBHOOK_PORTS"}

_INSIDE = (
    "{host} leads into a private network, where nothing is connected to. If it is meant to, an administrator can add "
    "its address to BLASTER_PRIVATE_TARGETS."
)

_networks: tuple = ()
_ports: dict[str, tuple] = {SMTP: (), MAILBOX: (), WEBHOOK: ()}  # nothing is open before `use`


class Forbidden(OSError):
    """No connection is made; the words name the setting that would allow it, and no address."""


def use(settings: Settings) -> None:
    """What the administrator allows, from now on in this process."""
    global _networks, _ports
    _networks = settings.private_targets
    _ports = {SMTP: settings.smtp_ports, MAILBOX: settings.mailbox_ports, WEBHOOK: settings.webhook_ports}


def trouble(kind: str, host: str, port: int) -> dict[str, str]:
    """What is wrong before anything is looked up, by field (host, port): for forms."""
    errors = {}
    if not any(first <= port <= last for first, last in _ports[kind]):
        errors["port"] = f"Port {port} is not open to this here. An administrator can add it to {_SETTINGS[kind]}."
    with suppress(ValueError):
        if not is_allowed(host.strip("[]")):
            errors["host"] = _INSIDE.format(host=host)
    return errors


def permitted(kind: str, host: str, port: int, found: Sequence[tuple]) -> list[tuple]:
    """Those of getaddrinfo's answers for this host that may be connected to. Raises Forbidden where there are none."""
    if errors := trouble(kind, host, port):
        raise Forbidden(" ".join(errors.values()))
    allowed = [each for each in found if is_allowed(each[4][0])]
    if not allowed:
        raise Forbidden(_INSIDE.format(host=host))
    return allowed


def is_allowed(address: str) -> bool:
    """Whether this IP address is one of the internet at large, or one that the administrator allows."""
    parsed = _inner(ipaddress.ip_address(address.partition("%")[0]))  # without the interface, as in fe80::1%eth0
    if is_public(parsed):
        return True
    return any(
        parsed in network and (parsed not in METADATA or network.num_addresses == 1)
        for network in _networks
        if network.version == parsed.version
    )


def is_public(address: Address) -> bool:
    """Not this host, its network, a group of hosts, or reserved for another use (RFC 6890)."""
    inside = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local
    return address.is_global and not inside and not any(address in network for network in _RESERVED)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does: mapped, 6to4, Teredo, NAT64."""
    if address.version == 4:
        return address
    if address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1]) or address
