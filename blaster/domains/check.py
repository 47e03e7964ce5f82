"""The verdict on a sender's domain: pass or fail for each item, with the record to publish. Decides nothing itself."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from blaster.domains import dkim, dmarc, spf
from blaster.domains.resolver import Records, Unanswered
from blaster.domains.spf import Spf
from blaster.mail.presets import Preset, home_of


@dataclass(frozen=True)
class Finding:
    """One item. state: pass | warn | fail | unknown. `name`, `kind`, `value`: the DNS record to publish, if any."""

    item: str
    state: str
    words: str
    name: str = ""
    kind: str = "TXT"
    value: str = ""


@dataclass(frozen=True)
class Subject:
    """Whose mail: From addresses at `domain`, sent through `host` by an account of `account_domain`."""

    domain: str
    account_domain: str
    host: str
    preset: Preset | None
    selectors: tuple[str, ...]
    is_signed: bool = False  # by us, with a key of the domain


def check(ask: Records, of: Subject) -> list[Finding]:
    """SPF, DKIM, DMARC and alignment, in this order. What the name servers do not answer is unknown."""
    if (home := home_of(of.domain)) is not None:
        words = f"{home.name} publishes the records of {of.domain} and signs what its own server sends."
        return [Finding(item, "pass", words) for item in ("SPF", "DKIM", "DMARC", "Alignment")]
    vouching = [_safely("SPF", _spf, ask, of), _safely("DKIM", _dkim, ask, of)]
    aligned = _safely("Alignment", _alignment, ask, of)
    if aligned.state == "pass":
        aligned = _vouched(aligned, of, *vouching)
    return [*vouching, _safely("DMARC", _dmarc, ask, of), aligned]


def _safely(item: str, look, ask: Records, of: Subject) -> Finding:
    try:
        return replace(look(ask, of), item=item)
    except Unanswered as error:
        return Finding(item, "unknown", f"The name servers did not answer: {error}. Try again later.")


def _spf(ask: Records, of: Subject) -> Finding:
    found = spf.read(ask, of.domain)
    if found.problem:
        value = _new_record(found, of) if found.problem in ("none", "many") else ""
        return Finding(
            "", "fail", _SPF_PROBLEMS[found.problem].format(at=found.at, domain=of.domain), of.domain, value=value
        )
    if found.anybody:
        return Finding(
            "", "fail", "It ends in +all: anybody may send in the name of this domain. Make it ~all.", of.domain
        )
    if of.preset and of.preset.kind == "relay" and not of.preset.spf:
        return Finding(
            "", "pass", f"{of.preset.name} sends with a return address of its own; its SPF record is its business."
        )
    if _names_server(ask, found, of):
        return Finding("", "pass", f"The record lets {_server(of)} send. It takes {found.lookups} of 10 lookups.")
    words = f"The record does not name {_server(of)}. Change it to this one."
    return Finding("", "fail", words, of.domain, value=_with_server(found.records[0], of))


_SPF_PROBLEMS = {
    "none": "{at} has no SPF record, so nobody can tell who may send for it.",
    "many": "{at} has several SPF records; receivers accept only one. Put them together.",
    "syntax": "The record cannot be read: {at}.",
    "lookups": "It takes more than 10 DNS lookups, so receivers give up (at {at}). Remove what you no longer use.",
    "void": "More than two of its names lead nowhere, so receivers give up (reached at {at}). Remove them.",
}


def _names_server(ask: Records, found: Spf, of: Subject) -> bool:
    if of.preset and of.preset.spf:
        return of.preset.spf in found.includes
    address = _address(of.host)
    addresses = [str(address)] if address else ask.addresses(of.host)
    return bool(addresses) and all(map(found.allows, addresses))


def _server(of: Subject) -> str:
    return of.preset.name if of.preset else of.host


def _mechanism(of: Subject) -> str:
    if of.preset and of.preset.spf:
        return f"include:{of.preset.spf}"
    address = _address(of.host)
    return f"ip{address.version}:{address}" if address else f"a:{of.host}"


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """Of a server that is given by its address, not by a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def _new_record(found: Spf, of: Subject) -> str:
    """One record in the place of none or of several."""
    terms = [term for record in found.records for term in record.split()[1:] if not term.lower().endswith("all")]
    return " ".join(dict.fromkeys(["v=spf1", _mechanism(of), *terms, "~all"]))


def _with_server(record: str, of: Subject) -> str:
    version, *terms = record.split()
    return " ".join([version, _mechanism(of), *terms])


def _dkim(ask: Records, of: Subject) -> Finding:
    if not of.selectors:
        words = (
            "Enter the selector of your DKIM key: your provider shows it, and mails carry it as s= in DKIM-Signature. "
            "Where your provider does not sign, add a key of your own below."
        )
        return Finding("", "unknown", words)
    keys = [dkim.read(ask, of.domain, selector) for selector in of.selectors]
    good = [key for key in keys if not key.problem]
    if good:
        short = [key for key in good if dkim.ED25519_BITS < key.bits < dkim.GOOD_BITS]
        words = f"The key of {good[0].selector} has {good[0].bits} bits."
        return Finding("", "warn" if short else "pass", words + (" Ask for one of 2,048." if short else ""))
    worst = next((key for key in keys if key.problem != "none"), keys[0])
    words = _DKIM_PROBLEMS[worst.problem].format(name=worst.name, bits=worst.bits)
    return Finding("", "fail", words, worst.name, value="the value that your provider shows for this name")


_DKIM_PROBLEMS = {
    "none": "There is no key at {name}. Switch DKIM on at your provider and publish the key.",
    "revoked": "The key at {name} is empty, which means that it was revoked. Publish the present one.",
    "broken": "The key at {name} cannot be read. Publish it again, as one line without line breaks.",
    "weak": "The key at {name} has {bits} bits; receivers ignore keys of less than 1,024.",
}


def _dmarc(ask: Records, of: Subject) -> Finding:
    found = dmarc.read(ask, of.domain)
    if found.problem == "none":
        words = "There is no DMARC record. Gmail, Yahoo and Microsoft ask bulk senders for one; p=none is enough."
        return Finding("", "fail", words, f"_dmarc.{found.organisation}", value="v=DMARC1; p=none")
    if found.problem:
        words = {"many": "several DMARC records; receivers accept only one", "policy": "a policy that does not exist"}
        return Finding(
            "", "fail", f"_dmarc.{found.at} has {words[found.problem]}.", f"_dmarc.{found.at}", value="v=DMARC1; p=none"
        )
    words = f"_dmarc.{found.at} says p={found.policy}."
    if gone := [tag for tag in dmarc.GONE if tag in found.tags]:
        return Finding("", "warn", f"{words} Receivers no longer look at {', '.join(gone)} (RFC 9989).")
    return Finding("", "pass", words)


def _alignment(ask: Records, of: Subject) -> Finding:
    if of.domain == of.account_domain:
        return Finding("", "pass", f"Mails come from {of.domain} and are vouched for by the same domain.")
    mine, theirs = (dmarc.organisation(ask, domain) for domain in (of.domain, of.account_domain))
    if mine == theirs:
        return Finding("", "pass", f"{of.domain} and {of.account_domain} both belong to {mine}.")
    if of.is_signed:
        return Finding("", "pass", f"Blaster signs these mails with a key of {of.domain}.")
    words = (
        f"{of.domain} is another organisation than {of.account_domain}. Mails pass only if the provider has verified "
        f"{of.domain} and signs with its key."
    )
    return Finding("", "warn", words)


def _vouched(aligned: Finding, of: Subject, *vouching: Finding) -> Finding:
    """Somebody has to vouch for the domain, or alignment is worth nothing."""
    states = [finding.state for finding in vouching]
    if any(state in ("pass", "warn") for state in states):
        return aligned
    if "unknown" in states:
        return replace(aligned, state="unknown", words="It cannot be said before SPF or DKIM is known.")
    words = f"Neither SPF nor DKIM vouches for {of.domain}, so receivers take its mail for forged. Mend one of them."
    return replace(aligned, state="fail", words=words)


def problems(findings: list[Finding]) -> Iterator[str]:
    """What fails, in short."""
    return (finding.item for finding in findings if finding.state == "fail")
