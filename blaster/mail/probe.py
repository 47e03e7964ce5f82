"""Try an SMTP server once and say in words what is wrong."""

from dataclasses import dataclass, replace

from blaster.mail.auth import Credentials
from blaster.mail.transport import Endpoint, Refused, open_session

OPENING = 8  # seconds; with the two that QUIT may take: ten in all. Looking up the name is up to the system's resolver.


@dataclass(frozen=True)
class Verdict:
    """problem: '' or one of Refused (mail.transport). message: a sentence for the user."""

    ok: bool
    problem: str
    message: str


def test_connection(endpoint: Endpoint, credentials: Credentials | None = None) -> Verdict:
    """Connect, secure, sign in (one attempt), and leave. Sends no mail; the message holds no secret."""
    try:
        session = open_session(replace(endpoint, timeout=min(endpoint.timeout, OPENING)), credentials)
    except Refused as refused:
        sentence = SENTENCES[refused.problem]
        if sentence is _auth and credentials and credentials.kind == "xoauth2":
            sentence = _consent
        return Verdict(False, refused.problem, sentence(endpoint, refused.reply))
    session.close()
    done = f"and signed in as {credentials.login}" if credentials else "; no login was tried"
    return Verdict(True, "", f"Connected to {_place(endpoint)} {_security(endpoint)} {done}.".replace(" ;", ";"))


def _place(endpoint: Endpoint) -> str:
    return f"{endpoint.host}, port {endpoint.port}"


def _security(endpoint: Endpoint) -> str:
    if endpoint.implicit_tls:
        return "with TLS"
    return "with STARTTLS" if endpoint.starttls else "without encryption"


def _forbidden(endpoint: Endpoint, reply) -> str:
    return reply.text


def _name(endpoint: Endpoint, reply) -> str:
    return f"The server name {endpoint.host} was not found. Check its spelling."


def _refused(endpoint: Endpoint, reply) -> str:
    if reply.code > 0:
        return (
            f"{_place(endpoint)} answered, but turned us away (code {reply.code}). It may be busy or block this "
            "machine's address. Try again later, or ask the provider."
        )
    return (
        f"{_place(endpoint)} does not accept the connection ({reply.text}). Check the port: 587 with STARTTLS and "
        "465 with TLS are usual."
    )


def _timeout(endpoint: Endpoint, reply) -> str:
    if endpoint.port == 465 and not endpoint.implicit_tls:
        return f"{_place(endpoint)} says nothing. This port expects TLS from the start: choose TLS as encryption."
    return f"{_place(endpoint)} does not answer in time. The port may be wrong, or a firewall may block it on the way."


def _tls(endpoint: Endpoint, reply) -> str:
    if reply.code > 0:
        return (
            f"{_place(endpoint)} does not offer STARTTLS, so the password was not sent. Try TLS on port 465, or ask "
            "the provider which port encrypts."
        )
    return (
        f"No encrypted connection to {_place(endpoint)} could be made ({reply.text}). Check that port and encryption "
        "belong together: 587 with STARTTLS, 465 with TLS."
    )


def _certificate(endpoint: Endpoint, reply) -> str:
    reason = reply.text.rpartition(": ")[2]
    return (
        f"The certificate of {endpoint.host} was not accepted ({reason}), so the password was not sent. Check the "
        "server name. For a server of your own, the administrator can name its authority in BLASTER_TLS_CA_FILE."
    )


def _auth(endpoint: Endpoint, reply) -> str:
    if reply.code == 504:
        return f"{_place(endpoint)} offers no sign-in with a password here. Check port and encryption."
    if reply.code // 100 == 4:
        return f"{_place(endpoint)} cannot check the password just now: {reply.code} {reply.text}. Try again later."
    return (
        f"The server did not accept login and password: {reply.code} {reply.text}. Check both; many providers want an "
        "app password here instead of the usual one."
    )


def _consent(endpoint: Endpoint, reply) -> str:
    if reply.code == 504:
        return f"{_place(endpoint)} offers no sign-in by consent (XOAUTH2). Check port and encryption."
    if reply.code // 100 == 4:
        return f"{_place(endpoint)} cannot check the sign-in just now: {reply.code} {reply.text}. Try again later."
    return (
        f"The server did not accept the sign-in: {reply.code} {reply.text}. Sign in again, as the person to whom the "
        "address belongs; at Microsoft, “Authenticated SMTP” must be on for the mailbox."
    )


def _protocol(endpoint: Endpoint, reply) -> str:
    return f"{_place(endpoint)} answers, but not as an SMTP server does. Check the port and the encryption."


SENTENCES = {
    "forbidden": _forbidden,
    "name": _name,
    "refused": _refused,
    "timeout": _timeout,
    "tls": _tls,
    "certificate": _certificate,
    "auth": _auth,
    "protocol": _protocol,
}
