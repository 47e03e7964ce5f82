"""DKIM (RFC 6376): the public keys under which a domain's mail may be signed."""

import base64
import binascii
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from blaster.domains.resolver import Records

LEAST_BITS, GOOD_BITS = 1024, 2048  # RFC 8301 section 3.2
ED25519_BITS = 256


@dataclass(frozen=True)
class Key:
    """`problem`: '' | none | revoked | broken | weak. `bits` of an RSA key; Ed25519 has 256."""

    selector: str
    name: str
    problem: str
    bits: int = 0


def key_name(selector: str, domain: str) -> str:
    """Where the key of a selector is published."""
    return f"{selector}._domainkey.{domain}"


def read(ask: Records, domain: str, selector: str) -> Key:
    """The key of one selector. Raises Unanswered."""
    name = key_name(selector, domain)
    records = [tags for text in ask.txt(name) if "p" in (tags := _tags(text))]
    if not records:
        return Key(selector, name, "none")
    if len(records) > 1 or records[0].get("v", "DKIM1") != "DKIM1":
        return Key(selector, name, "broken")
    if not records[0]["p"]:
        return Key(selector, name, "revoked")
    bits = _bits(records[0])
    return Key(selector, name, "broken" if not bits else "weak" if ED25519_BITS < bits < LEAST_BITS else "", bits)


def seen(ask: Records, domain: str, selector: str, record: str) -> str:
    """Is this record there? published | missing | wrong: another key, or more than one. Raises Unanswered."""
    there = [tags for text in ask.txt(key_name(selector, domain)) if "p" in (tags := _tags(text))]
    if not there:
        return "missing"
    wanted = {"v": "DKIM1", "k": "rsa"} | _tags(record)
    found = {"v": "DKIM1", "k": "rsa"} | there[0]
    return "published" if len(there) == 1 and wanted.items() <= found.items() else "wrong"


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _, value in pairs}


def _bits(tags: dict[str, str]) -> int:
    """0 where the key cannot be read."""
    try:
        octets = base64.b64decode(tags["p"], validate=True)
        if tags.get("k", "rsa") == "ed25519":  # RFC 8463: the bare key
            return ED25519_BITS if len(octets) == 32 else 0
        key = load_der_public_key(octets)
        return key.key_size if isinstance(key, RSAPublicKey) else 0
    except (binascii.Error, ValueError):
        return 0
