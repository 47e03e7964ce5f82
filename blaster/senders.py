"""Which domains an SMTP account may send from. Receivers compare the From address with the domain that vouches for the
mail (DMARC, RFC 9989): one that does not belong to the account is refused or goes to spam. Pure.
"""

import functools

from blaster.mail import presets
from blaster.mail.idn import ascii_domain


def domain_of(address: str) -> str:
    """The domain of an address as it is compared: in lower case and ASCII; empty without one."""
    domain = address.rpartition("@")[2].strip().lower()
    try:
        return ascii_domain(f"x@{domain}").rpartition("@")[2]
    except ValueError:
        return domain


def may_send_as(account, domain: str) -> bool:
    """May the account send mails whose From address is at `domain` (as of `domain_of`)? "" is its own address.

    Its own domain with what lies above and below it (relaxed alignment), and what its owner named in `from_domains`.
    """
    return not domain or _may(account.email, account.from_domains or "", domain)


@functools.lru_cache(10_000)  # the feeder asks for each account before each claim
def _may(email: str, from_domains: str, domain: str) -> bool:
    return any(_related(domain, each) for each in (domain_of(email), *from_domains.split()))


def _related(one: str, other: str) -> bool:
    return one == other or one.endswith("." + other) or other.endswith("." + one)


def foreign_server(domain: str, host: str) -> str:
    """Why mail from this domain must not go through this server; empty where it may.

    Only the provider of a mailbox domain such as gmail.com can make its mail pass the receivers' checks.
    """
    home = presets.home_of(domain)
    if home is None or home.serves(host):
        return ""
    server = presets.of_server("", host)
    if server and server.consent and server.consent == home.consent:
        return ""
    return (
        f"Mail from {domain} is accepted only through {home.name}’s own server ({home.host}): sent through {host} it "
        "would be refused or go to spam. Send from an address at a domain of your own."
    )
