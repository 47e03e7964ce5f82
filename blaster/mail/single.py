"""Send one mail over a connection of its own, while somebody waits for the answer."""

from dataclasses import replace

from blaster.mail.auth import Credentials
from blaster.mail.probe import SENTENCES
from blaster.mail.session import Mail, Reply
from blaster.mail.transport import Endpoint, Refused, open_session

PATIENCE = 20  # seconds for opening the session, and again for each reply: a person waits


def send(endpoint: Endpoint, credentials: Credentials | None, mail: Mail) -> tuple[Reply, str]:
    """The server's last reply, and a sentence about it where no session could be opened. One try, no more.

    A reply of phase `dot` with a code of 0 or below: the server may have the mail.
    """
    endpoint = replace(endpoint, timeout=min(endpoint.timeout, PATIENCE), dot_timeout=PATIENCE)
    try:
        session = open_session(endpoint, credentials)
    except Refused as refused:
        return refused.reply, SENTENCES[refused.problem](endpoint, refused.reply)
    reply = Reply("mail", 0, "the connection was lost")
    for _, reply in session.deliver([mail], lambda _: None):  # noqa: B007
        pass
    session.close()
    return reply, ""
