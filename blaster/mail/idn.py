"""Internationalised domain names."""

import idna


def ascii_domain(address: str) -> str:
    """The address with its domain as A-labels (RFC 5891); the local part stays. ValueError: not a domain."""
    local, at, domain = address.rpartition("@")
    if not at or domain.isascii():
        return address
    return f"{local}@{idna.encode(domain, uts46=True).decode()}"
