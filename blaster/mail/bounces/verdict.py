"""What the words of a bounce say about an address: its class.

What another server said counts first (mail/replies.py reads it), then the code in the report, then what the mail
system says in its own words, in whatever language. As there, a wrong `hard` is the worst mistake.
"""

import re
from dataclasses import dataclass, replace

from blaster.mail import replies
from blaster.mail.bounces import words
from blaster.mail.session import Reply

_SMTP = re.compile(r"(?<![\w.:/@#+-])([45]\d\d)(?=[ \t:;,-]|-?$)", re.MULTILINE)
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d)\.(\d{1,3})(?![\d.])")
_EMPTY_LINE = re.compile(r"\n[ \t]*\n")
_VAGUE = {("0", "0"), ("5", "0")}

# Classes of replies about our own account say, once they come as a bounce, that our mail was not wanted there.
OF_REPLIES = {
    "hard": "hard", "soft": "soft", "block": "block", "message": "message", "smtputf8": "message",
    "account-auth": "block", "account-limit": "block", "sender-not-allowed": "block", "tls-required": "block",
    "account-rate": "soft", "too-many-recipients": "soft", "protocol": "soft", "unknown": "soft",
}  # fmt: skip


# What the system that reports says in its own words: the first that fits. Nothing is `hard` that may be something else.
OWN_WORDS = (
    (words.CLOSED, "block"),
    (replies.ABOUT_US, "block"),
    (words.DISABLED, "disabled"),
    (words.AGAIN, "soft"),
    (words.NO_DOMAIN, "hard"),
    (words.NOT_YET, "soft"),
    (words.NO_ADDRESS, "hard"),
    (words.UNWANTED, "block"),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    bounce_class: str
    status: str
    diagnostic: str


def judge(status: str, *saids: str) -> Verdict:
    """status: of the report, '' if it has none. saids: what was said about the address, the closest words first."""
    saids = tuple(said for said in saids if said.strip())
    verdicts = [_verdict(said, status) for said in saids] or [_verdict("", status)]
    found = next((verdict for verdict in verdicts if verdict.bounce_class), verdicts[0])
    if found.bounce_class == "hard":
        # A code may say that an address does not exist, and the words beside it that something else is the matter.
        veto = ((words.QUOTA, "quota"), (words.BEFORE_RECIPIENT, "block"))
        other = next((name for pattern, name in veto if any(map(pattern.search, saids))), "hard")
        return replace(found, bounce_class=other)
    return found if found.bounce_class else replace(found, bounce_class="soft")


def _verdict(said: str, status: str) -> Verdict:
    reply = _SMTP.search(said)
    text = " ".join(_EMPTY_LINE.split(said[reply.start() :])[0].split()) if reply else " ".join(said.split())
    enhanced = _specific(text) or _specific(status) or _specific(said)
    code = int(reply[1]) if reply else {"4": 450, "5": 550}.get((enhanced or status)[:1], 0)
    return Verdict(_class(said, text, enhanced, code, bool(reply)), enhanced or status, " ".join(said.split())[:500])


def _specific(text: str) -> str:
    """The first enhanced code that says more than that it went wrong."""
    return next((found[0] for found in _ENHANCED.finditer(text) if (found[2], found[3]) not in _VAGUE), "")


def _class(said: str, text: str, enhanced: str, code: int, quoted: bool) -> str:
    """'': it says nothing. quoted: the text is a reply of another server, not of the one that reports."""
    topic = enhanced[2:]
    if words.QUOTA.search(text) or topic == "2.2":
        return "quota"
    if 400 <= code < 500:
        return "soft"
    if words.BEFORE_RECIPIENT.search(said):
        return "block"
    if quoted:
        return _of_reply(text, enhanced, code)
    own = next((found for pattern, found in OWN_WORDS if pattern.search(text)), "")
    return own or (_of_reply(text, enhanced, code) if topic else "")


def _of_reply(text: str, enhanced: str, code: int) -> str:
    """mail/replies.py reads it as an answer to RCPT TO."""
    if words.SPAM.search(text):
        return "block"
    found = replies.classify(Reply("rcpt", code, text if enhanced in text else f"{enhanced} {text}"))
    if found in ("hard", "soft", "block") and words.DISABLED.search(text) and not replies.ABOUT_US.search(text):
        return "disabled"
    # A mailbox may have a limit of its own for the size of a mail (RFC 3463, x.2.3).
    return "soft" if enhanced.endswith(".2.3") else OF_REPLIES.get(found, "soft")
