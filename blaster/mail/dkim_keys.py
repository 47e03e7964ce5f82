"""Keys for DKIM: made, read and published (RFC 6376 section 3.6.1, RFC 8301, RFC 8463)."""

import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

KINDS = ("rsa", "ed25519")
SMALLEST, NEW, LARGEST = 1024, 2048, 4096  # bits: RFC 8301 section 3.2, and what every receiver can check


def load(pem: str) -> RSAPrivateKey | Ed25519PrivateKey:
    """Raises ValueError, in words without the key, for anything that mails cannot be signed with."""
    try:
        key = load_pem_private_key(pem.strip().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("this is no private key in PEM form without a password") from None
    if isinstance(key, Ed25519PrivateKey) or (isinstance(key, RSAPrivateKey) and SMALLEST <= key.key_size <= LARGEST):
        return key
    raise ValueError(f"the key is neither Ed25519 nor RSA with {SMALLEST} to {LARGEST} bits")


def new(kind: str) -> str:
    """A new private key, of KINDS, in PEM form."""
    key = generate_private_key(65537, NEW) if kind == "rsa" else Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def record(pem: str) -> str:
    """The TXT record that makes the public half known. Raises ValueError."""
    public = load(pem).public_key()
    if isinstance(load(pem), Ed25519PrivateKey):
        kind, octets = "ed25519", public.public_bytes_raw()
    else:
        kind, octets = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode()}"
