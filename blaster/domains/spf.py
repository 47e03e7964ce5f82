"""SPF (RFC 7208): who may send for a domain, and whether receivers can follow its record at all."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from blaster.domains.resolver import Records

MOST_LOOKUPS = 10  # section 4.6.4: a receiver gives up after so many …
MOST_VOID = 2  # … and after so many that found nothing
MOST_EXCHANGERS = 10
_TERM = re.compile(
    r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?:[:=]([^/\s]+))?(/\d{1,3})?(//\d{1,3})?", re.IGNORECASE
)
_MODIFIER = re.compile(r"([a-z][a-z0-9._-]*)=(\S*)", re.IGNORECASE)


@dataclass
class Spf:
    """What a record amounts to. `problem`: '' | none | many | syntax | lookups | void; `at`: where it is.

    `includes`: domains whose records count as part of it; `networks`: addresses that may send; `anybody`: +all.
    """

    records: list[str]
    problem: str = ""
    at: str = ""
    lookups: int = 0
    void: int = 0
    anybody: bool = False
    includes: set[str] = field(default_factory=set)
    networks: list = field(default_factory=list)

    def allows(self, address: str) -> bool:
        """May this address send? Terms that forbid addresses before others allow them are rare and not looked at."""
        ip = ip_address(address)
        return self.anybody or any(ip.version == net.version and ip in net for net in self.networks)


def records_of(ask: Records, domain: str) -> list[str]:
    """The SPF records of a domain; more than one is an error (section 4.5)."""
    return [text for text in ask.txt(domain) if re.match(r"v=spf1(\s|$)", text, re.IGNORECASE)]


def read(ask: Records, domain: str) -> Spf:
    """Follow the record of a domain to its end, or to its first error. Raises Unanswered."""
    found = Spf(records_of(ask, domain))
    if not found.records:
        found.problem, found.at = "none", domain
    else:
        _follow(ask, domain, found.records, found, (), True)
    return found


def _follow(ask: Records, domain: str, records: list[str], found: Spf, path: tuple[str, ...], grants: bool) -> None:
    """`path`: the domains that led here; `grants`: what passes here passes as a whole."""
    if len(records) != 1:
        _fail(found, "many" if records else "none", domain)
        return
    redirect, has_all = "", False
    for term in records[0].split()[1:]:
        mechanism = _TERM.fullmatch(term)
        if mechanism:
            has_all |= mechanism[2].lower() == "all"
            _weigh(ask, domain, mechanism, found, path, grants)
        elif modifier := _MODIFIER.fullmatch(term):
            redirect = modifier[2] if modifier[1].lower() == "redirect" else redirect
        else:
            _fail(found, "syntax", f"{term} at {domain}")
        if found.problem:
            return
    if redirect and not has_all:  # section 6.1
        _enter(ask, redirect, found, (*path, domain), grants)


def _weigh(ask: Records, domain: str, mechanism: re.Match, found: Spf, path: tuple[str, ...], grants: bool) -> None:
    sign, kind, value, ip4, ip6 = mechanism.groups()
    kind, passes = kind.lower(), grants and sign in ("", "+")
    if kind == "all":
        found.anybody |= passes
    elif kind in ("ip4", "ip6"):
        _add_network(found, value, ip4, passes, domain)
    elif kind == "include":
        _enter(ask, value or "", found, (*path, domain), passes)
    elif kind in ("a", "mx"):
        _count(found, domain)
        if not found.problem and "%" not in (value or ""):
            hosts = [value or domain] if kind == "a" else ask.exchangers(value or domain)[:MOST_EXCHANGERS]
            addresses = [address for host in hosts for address in ask.addresses(host)]
            _note_void(found, addresses, domain)
            for address in addresses:
                prefix = (ip4 or "/32") if ":" not in address else (ip6 or "//128")[1:]
                _add_network(found, address, prefix, passes, domain)
    else:  # exists and ptr depend on the single mail; they cost a lookup
        _count(found, domain)


def _enter(ask: Records, domain: str, found: Spf, path: tuple[str, ...], grants: bool) -> None:
    _count(found, domain)
    if found.problem or "%" in domain:
        return
    if domain.lower() in (each.lower() for each in path):
        _fail(found, "syntax", f"{domain} includes itself")
        return
    records = records_of(ask, domain) if domain else []
    _note_void(found, records, domain)
    if grants:
        found.includes.add(domain.lower().rstrip("."))
    if not found.problem:
        _follow(ask, domain, records, found, path, grants)


def _add_network(found: Spf, address: str | None, prefix: str | None, passes: bool, domain: str) -> None:
    try:
        network = ip_network((address or "") + (prefix or ""), strict=False)
    except ValueError:
        _fail(found, "syntax", f"{address}{prefix or ''} at {domain}")
        return
    if passes:
        found.networks.append(network)


def _count(found: Spf, domain: str) -> None:
    found.lookups += 1
    if found.lookups > MOST_LOOKUPS:
        _fail(found, "lookups", domain)


def _note_void(found: Spf, records: list, domain: str) -> None:
    found.void += not records
    if found.void > MOST_VOID:
        _fail(found, "void", domain)


def _fail(found: Spf, problem: str, at: str) -> None:
    found.problem = found.problem or problem
    found.at = found.at or at
