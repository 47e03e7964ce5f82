"""Signs messages with keys of the sender's domain: RFC 6376 with the keys of RFC 8301 (RSA) and 8463 (Ed25519)."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding

from blaster.mail import dkim_keys
from blaster.mail.idn import ascii_domain

SIGNED = frozenset(
    b"from to subject date message-id reply-to mime-version content-type content-transfer-encoding "
    b"list-id list-unsubscribe list-unsubscribe-post precedence feedback-id".split()
)

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_NAMES = re.compile(rb"[^:]+:?")
_LINE = 72


class Signer:
    """The key of one domain. Threads may share it. Raises ValueError for a key, domain or selector of no use."""

    def __init__(self, domain: str, selector: str, private_key_pem: str):
        domain = ascii_domain(f"@{domain}")[1:].lower()
        if not _NAME.fullmatch(domain) or not _NAME.fullmatch(selector):
            raise ValueError("the domain or the selector is not a name in the DNS")
        self._algorithm, self._sign = _key(private_key_pem)
        self._start = f"DKIM-Signature: v=1; a={self._algorithm}; c=relaxed/relaxed;\r\n d={domain}; s={selector};\r\n"

    def sign(self, message: bytes) -> bytes:
        """The header line to put before a complete message, with its CRLF. Sign last: any later change breaks it."""
        head, _, body = message.partition(b"\r\n\r\n")
        lines = _headers(head)
        # From is named once more than it is there, so that nobody can add a second one (section 8.15).
        names = _folded(_NAMES.findall(b":".join((*lines, b"from"))))
        body_hash = base64.b64encode(hashlib.sha256(_body(body)).digest())
        start = self._start.encode() + b" h=" + names + b";\r\n bh=" + body_hash + b";\r\n b="
        own = _one_blank(start.replace(b"\r\n ", b" "))
        signed = b"\r\n".join((*lines.values(), b"dkim-signature:" + own.partition(b": ")[2]))
        signature = base64.b64encode(self._sign(signed))
        return start + b"\r\n ".join(signature[i : i + _LINE] for i in range(0, len(signature), _LINE)) + b"\r\n"


def header(signers: Mapping[str, Sequence[Signer]], domain: str, message: bytes) -> bytes:
    """The signatures for a mail from this domain, by its keys or those of the nearest domain above it: both are aligned
    with it (RFC 9989). Empty without any."""
    while domain:
        if domain in signers:
            return b"".join(signer.sign(message) for signer in signers[domain])
        domain = domain.partition(".")[2]
    return b""


def _key(pem: str):
    key = dkim_keys.load(pem)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519-sha256", lambda data: key.sign(hashlib.sha256(data).digest())
    scheme, algorithm = padding.PKCS1v15(), hashes.SHA256()
    return "rsa-sha256", lambda data: key.sign(data, scheme, algorithm)


def _headers(head: bytes) -> dict[bytes, bytes]:
    """The lines to sign by name, in the relaxed form of section 3.4.2; of two with one name the last."""
    found = {}
    for line in _one_blank(head.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ")).split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.strip().lower()
        if name in SIGNED:
            found[name] = name + b":" + value.strip(b" ")
    return found


def _body(body: bytes) -> bytes:
    """The relaxed form of section 3.4.4."""
    relaxed = _one_blank(body).replace(b" \r\n", b"\r\n").rstrip(b" \r\n")
    return relaxed + b"\r\n" if relaxed else b""


def _one_blank(text: bytes) -> bytes:
    """Runs of blanks as one; a regular expression takes fifty times as long."""
    text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text


def _folded(pieces: list[bytes]) -> bytes:
    lines = [b""]
    for piece in pieces:
        if len(lines[-1]) + len(piece) > _LINE:
            lines.append(b"")
        lines[-1] += piece
    return b"\r\n ".join(lines)
