"""Signatures, checked by dkimpy, which shares nothing with our code."""

import base64

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from blaster.mail.compile import compile_message
from blaster.mail.dkim import Signer
from tests.test_compile import KEY, NOW, content

RSA, ED25519 = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()
SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
RECORDS = {
    b"rsa._domainkey.example.com.": b"v=DKIM1; k=rsa; p=" + base64.b64encode(RSA.public_key().public_bytes(*SPKI)),
    b"ed._domainkey.xn--bcher-kva.example.": b"v=DKIM1; k=ed25519; p="
    + base64.b64encode(ED25519.public_key().public_bytes_raw()),
}


def pem(key) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


SIGNERS = {"rsa": Signer("example.com", "rsa", pem(RSA)), "ed25519": Signer("Bücher.example", "ed", pem(ED25519))}


def verified(message: bytes) -> bool:
    return dkim.verify(message, dnsfunc=lambda name, timeout=5: RECORDS.get(name))


def campaign_mail() -> bytes:
    message = content(subject="Grüße 🎉 " * 20, reply_to="help@example.com", organisation="Anna, AG", text="")
    skeleton = compile_message(message, message_key=KEY, public_url="https://mail.example.com")
    return skeleton.render(
        row_id=1, email="bo@example.org", fields={"name": "Zoë"}, from_address="news@example.com", now=NOW
    )


BODIES = [
    b"",
    b"\r\n",
    b"\r\n\r\n \t\r\n",
    b"one line",
    b"a  b\t\tc \t \r\n\t d\r\n\r\n  \r\n\r\n",
    b"x \r\n" * 1_000,
    b" lead\r\n.\r\n..\r\n",
    b"\r\n\r\nx" + b" " * 3_000 + b"\r\n",
]


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
@pytest.mark.parametrize("body", BODIES)
def test_others_find_the_signature_right(signer, body):
    message = b"From: a@example.com\r\nSubject:  two   words\t\r\n folded\r\n\tagain\r\nX-No: 1\r\n\r\n" + body
    assert verified(signer.sign(message) + message)


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
def test_a_campaign_mail_is_signed_with_all_that_matters(signer):
    message = campaign_mail()
    header = signer.sign(message)
    assert verified(header + message) and max(map(len, header.split(b"\r\n"))) <= 78
    signed = header.partition(b" h=")[2].partition(b";")[0].replace(b"\r\n ", b"").split(b":")
    assert signed.count(b"from") == 2 and b"; l=" not in header
    # RFC 8058 section 4 wants these two; the rest is what a reader is shown or what decides how.
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"list-id", b"subject", b"date", b"to", b"message-id"} < {
        *signed
    }
    assert {b"reply-to", b"mime-version", b"content-type", b"precedence", b"feedback-id"} < {*signed}


@pytest.mark.parametrize(
    "change",
    [
        lambda mail: b"From: evil@example.net\r\n" + mail,
        lambda mail: mail.replace(b"Date: ", b"Date: Mon, "),
        lambda mail: mail.replace(b"Dear", b"Deer"),
        lambda mail: mail.replace(b"One-Click", b"No-Click"),
        lambda mail: mail + b"more\r\n",
    ],
)
@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
def test_a_change_breaks_it(change, signer):
    mail = campaign_mail()
    assert change(mail) != mail
    header = signer.sign(mail)
    assert verified(header + mail) and not verified(header + change(mail))


@pytest.mark.parametrize(
    "change", [lambda mail: mail.replace(b"Subject: ", b"SUBJECT:  \t"), lambda mail: mail + b"\r\n"]
)
def test_what_relays_do_to_blanks_does_not(change):
    mail = campaign_mail()
    assert verified(SIGNERS["rsa"].sign(mail) + change(mail))


@pytest.mark.parametrize(
    "arguments",
    [
        ("example.com", "s", "no key"),
        ("example.com", "s", pem(rsa.generate_private_key(65537, 1024)).replace("A", "B")),
        ("example.com", "s", pem(ec.generate_private_key(ec.SECP256R1()))),
        ("example.com\r\nX: y", "s", pem(ED25519)),
        ("example.com", "s; l=0", pem(ED25519)),
        ("", "s", pem(ED25519)),
    ],
)
def test_what_cannot_sign_is_refused(arguments):
    with pytest.raises(ValueError) as refused:
        Signer(*arguments)
    assert "PRIVATE" not in str(refused.value) and not refused.value.__cause__
