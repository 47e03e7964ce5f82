"""Bounces written for people only: qmail, Exim, old Exchange, Notes, Yahoo and many more, in any language.

Two questions: is it one, and which of the addresses in it are those that were not reached.
"""

import re
from collections.abc import Iterator
from email.utils import getaddresses

from blaster.mail.bounces import verdict, words
from blaster.mail.bounces.dsn import MOST
from blaster.mail.bounces.mime import Letter
from blaster.mail.bounces.report import Recipient, Report

_ADDRESS = re.compile(
    r"(?:\"[^\"\n@]{1,64}\"|[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\U0010ffff-]{1,64})@[A-Za-z0-9\x80-\U0010ffff][\w.-]*\w"
)
# What stands right before an address or behind it: a quote, a name of a field, words of scripts without blanks.
_GLUED = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_PUNCTUATION = "\u2000-\u206f\u3000-\u303f\uff00-\uff20"
_NOT_LOCAL = re.compile(
    rf"^(.*[{_PUNCTUATION}]|.*[{_GLUED}](?=[!-~]+$)|(rcpt|to|recipient|user|address|addr|e?mail)=|['`]+)", re.I
)
_DOMAIN = re.compile(rf"([a-z0-9-]+\.)+[a-z]{{2,}}(?=[{_GLUED}])", re.I)
_NOBODY = re.compile(
    r"^(postmaster|mailer-?daemon|mail-?daemon|abuse|hostmaster|nobody|no-?reply|help|support)\b", re.I
)
_FIRST = re.compile(r"^[^A-Za-z\"@]*$")


def read(letter: Letter) -> Report | None:
    """None if it does not look like a bounce."""
    failed = _unique([address for address, _ in _in_line(letter.header("X-Failed-Recipients"))])
    if not (from_daemon(letter) or _says_so(letter)):
        return None
    addresses = (failed or named(letter) or _sent_to(letter))[:MOST]
    kind = "delayed" if _only_delayed(letter) else "bounce"
    alone = len(addresses) < 2
    return Report(kind, "text", tuple(_recipient(address, letter, alone) for address in addresses or [""]))


def from_daemon(letter: Letter) -> bool:
    """It comes from a mail system, not from a person."""
    return bool(letter.header("X-Failed-Recipients") or letter.reports or words.DAEMON.search(letter.header("From")))


def _says_so(letter: Letter) -> bool:
    """A person may answer our mail and quote it. So its own words must say it, and subject or structure as well."""
    shaped = letter.returned or words.BOUNCE_SUBJECT.search(letter.header("Subject"))
    return bool(shaped and words.BOUNCE_WORDS.search(letter.notice[:1000]))


def _only_delayed(letter: Letter) -> bool:
    text = f"{letter.header('Subject')}\n{letter.notice}"
    return bool(words.DELAYED.search(text)) and not words.GIVEN_UP.search(text)


def named(letter: Letter) -> list[str]:
    """The addresses in the notice that stand where recipients stand; else any that are not the sender's."""
    heading = words.HEADING.search(letter.notice)
    below = letter.notice[heading.end() :] if heading else ""
    ours = _ours(letter)
    # Who writes to himself is both.
    return next(
        filter(None, (_addresses(text, not_these) for not_these in (ours, set()) for text in (below, letter.notice))),
        [],
    )


def _addresses(text: str, not_these: set[str]) -> list[str]:
    sure, likely = [], []
    for line in text.split("\n"):
        for address, before in _in_line(line):
            if address.lower() in not_these or _NOBODY.match(address) or words.NOT_THEM.search(before):
                continue
            (sure if _FIRST.match(before) or words.THEM.search(before) else likely).append(address)
    return _unique(sure) or _unique(likely)


def _in_line(text: str) -> Iterator[tuple[str, str]]:
    """Addresses, each with what stands before it."""
    for found in _ADDRESS.finditer(text):
        local, _, domain = found[0].rstrip(".").rpartition("@")
        bare, end = _NOT_LOCAL.sub("", local), _DOMAIN.match(domain)
        if bare:
            yield f"{bare}@{end[0] if end else domain}", text[: found.start() + len(local) - len(bare)]


def _ours(letter: Letter) -> set[str]:
    """Whoever the bounce came to, and whoever wrote the mail; but not those it was written to."""
    sent, sender = letter.sent, set()
    for message, names in ((letter.head, ("To", "Delivered-To", "X-Original-To", "Envelope-To", "From", "Reply-To")),
                           (sent, ("From", "Sender", "Return-Path", "Reply-To"))):  # fmt: skip
        sender |= {address.lower() for name in names for address in _in_header(message, name)}
    return sender - {address.lower() for address in _in_header(sent, "To")}


def _sent_to(letter: Letter) -> list[str]:
    """The one to whom our mail went, where the notice does not say it."""
    addresses = _unique(_in_header(letter.sent, "To") + _in_header(letter.sent, "Cc"))
    return addresses if len(addresses) == 1 else []


def _in_header(message, name: str) -> list[str]:
    values = [str(value) for value in message.get_all(name) or []]
    return [address for _, address in getaddresses(values) if "@" in address]


def _unique(addresses: list[str]) -> list[str]:
    return list({address.lower(): address for address in reversed(addresses)}.values())[::-1]


def _recipient(address: str, letter: Letter, alone: bool) -> Recipient:
    found = verdict.judge("", *letter.said_of(address, alone))
    return Recipient(address, found.bounce_class, found.status, found.diagnostic)
