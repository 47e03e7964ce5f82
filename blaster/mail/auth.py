"""SMTP AUTH (RFC 4954): PLAIN, LOGIN and CRAM-MD5 with a password, XOAUTH2 with an access token."""

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from blaster.mail.session import Reply

METHODS = ("PLAIN", "LOGIN", "CRAM-MD5")


@dataclass(frozen=True)
class Credentials:
    """What an SMTP account signs in with. kind: password, or xoauth2, where `password` is an access token."""

    login: str
    password: str = field(repr=False)
    kind: str = "password"


def sign_in(ask: Callable[[bytes], Reply], offered: str, credentials: Credentials) -> Reply:
    """One attempt with the first method of ours that is offered (the words after AUTH in the EHLO reply).

    Code 235 is success. The text of the reply holds no secret, even where a server repeats the command it refuses.
    """
    methods, by = (("XOAUTH2",), "by consent") if credentials.kind == "xoauth2" else (METHODS, "with a password")
    method = next((name for name in methods if name in offered.upper().split()), None)
    if method is None:
        return Reply("auth", 504, f"5.7.4 the server offers no way of signing in {by}")
    reply = _exchange(ask, method, _octets(credentials.login), _octets(credentials.password))
    return replace(reply, text=_without_secrets(reply.text, credentials))


def _exchange(ask: Callable[[bytes], Reply], method: str, login: bytes, password: bytes) -> Reply:
    if method == "PLAIN":
        return ask(b"AUTH PLAIN " + base64.b64encode(_plain(login, password)))
    if method == "XOAUTH2":
        reply = ask(b"AUTH XOAUTH2 " + base64.b64encode(bearer(login, password)))
        # 334 here brings a reason in JSON; the refusal itself comes after an empty answer (RFC 7628 section 3.2.3).
        return ask(b"") if reply.code == 334 else reply
    reply = ask(b"AUTH " + method.encode())
    if method == "LOGIN" and reply.code == 334:
        reply = ask(base64.b64encode(login))
    if reply.code != 334:
        return reply
    return ask(base64.b64encode(_digest(reply.text, login, password) if method == "CRAM-MD5" else password))


def _plain(login: bytes, password: bytes) -> bytes:
    return b"\0%s\0%s" % (login, password)


def bearer(login: bytes, token: bytes) -> bytes:
    """What XOAUTH2 sends: the format of Google and Microsoft. RFC 7628 calls a later one OAUTHBEARER, which Microsoft
    does not offer."""
    return b"user=%s\1auth=Bearer %s\1\1" % (login, token)


def _digest(challenge: str, login: bytes, password: bytes) -> bytes:
    """RFC 2195. A challenge that cannot be read gives an answer that the server refuses."""
    try:
        question = base64.b64decode(challenge)
    except binascii.Error:
        question = b""
    return b"%s %s" % (login, hmac.new(password, question, "md5").hexdigest().encode())


def _without_secrets(text: str, credentials: Credentials) -> str:
    login, password = _octets(credentials.login), _octets(credentials.password)
    encoded = (
        base64.b64encode(secret).decode() for secret in (_plain(login, password), bearer(login, password), password)
    )
    for secret in (*encoded, credentials.password):
        if secret:
            text = text.replace(secret, "***")
    return text


def _octets(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogateescape")
