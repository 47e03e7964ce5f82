"""Reads a message that may be broken in any way: its notice for people, its reports for machines, what it returns."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import HeaderParseError, MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser

from blaster.mail import plain_text
from blaster.mail.bounces import words

LONGEST = 512 * 1024
# What people are told is short. Beyond these limits it is junk, and patterns take long on it.
NOTICE = 64 * 1024
LINE = 1000
SAID = 4000
DEEPEST = 8

REPORTS = frozenset("message/delivery-status message/global-delivery-status message/disposition-notification".split())
FEEDBACK = frozenset(("message/feedback-report",))
RETURNED = frozenset(
    "message/rfc822 message/global message/partial text/rfc822-headers text/rfc822-header text/rfc822 "
    "message/rfc822-headers message/global-headers".split()
)

_TRANSCRIPT = re.compile(r"(>>>[^\n]*\n)(<<< ?[45]\d\d[^\n]*\n?)+")
_CODE_LINE = re.compile(r"[45]\d\d ")
_OTHER = re.compile(r"[^A-Za-z]*[^\s<>]+@[^\s<>]+")
_HEADER_LINE = r"(?:[A-Za-z][A-Za-z0-9-]{1,40}:[^\n]*(?:\n[ \t]+\S[^\n]*)*\n)"
_HEADER_BLOCK = re.compile(rf"^(?=(?:Received|Return-Path|Message-ID|DKIM-Signature):){_HEADER_LINE}{{3}}", re.I | re.M)


@dataclass
class Letter:
    """head: of the message itself. text: of all its plain parts; notice: the same without the copy of our mail.

    returned: the text of our mail, as far as it came back.
    """

    head: Message
    text: str = ""
    notice: str = ""
    reports: list[str] = field(default_factory=list)
    feedback: list[str] = field(default_factory=list)
    returned: str = ""

    def header(self, name: str) -> str:
        return decoded(self.head.get(name))

    def said_of(self, address: str, alone: bool) -> tuple[str, ...]:
        """What the notice says about one address, the closest words first; all of it only if it is about no other."""
        talks = [talk[0] for talk in _TRANSCRIPT.finditer(self.notice) if alone or address in talk[1]]
        lines = self.notice.split("\n")
        at = next((number for number, line in enumerate(lines) if address and address in line), None)
        if at is not None:
            following = lines[at + 1 :]
            end = next((n for n, line in enumerate(following) if _OTHER.match(line) and address not in line), None)
            end = 0 if _CODE_LINE.match(lines[at]) else end
            talks.append("\n".join([lines[at], *following[:end]]))
        return tuple(said[:SAID] for said in (*talks, *([self.notice] if alone else [])))

    @property
    def sent(self) -> Message:
        """The header of our mail; empty if it did not come back."""
        return parse_head(self.returned)


def read(raw: bytes) -> Letter:
    """Never raises. Only the first LONGEST bytes are looked at."""
    raw = raw[:LONGEST].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip()
    if raw.startswith((b"From ", b">From ")):
        raw = raw.partition(b"\n")[2]
    letter = Letter(_parsed(raw))
    plain, html = [], []
    for part in _parts(letter.head):
        _place(letter, part, plain, html)
    letter.text = text = "\n".join(plain)[:NOTICE]
    if "@" not in text and html:
        text += "\n" + plain_text.from_html("\n".join(html)[:NOTICE])
    text = "\n".join(line[:LINE] for line in text.split("\n"))
    letter.notice, copy = _split(text)
    letter.returned = letter.returned or copy
    return letter


def decoded(value: object) -> str:
    """A header value without its encoded words; what cannot be decoded stays as it is."""
    text = str(value or "")
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, MessageError, LookupError, UnicodeError, ValueError):
        return text


def parse_head(text: str) -> Message:
    return _parsed(text.lstrip("\n").encode("utf-8", "replace"))


def _parsed(raw: bytes) -> Message:
    return BytesHeaderParser().parsebytes(raw)


def _place(letter: Letter, part: Message, plain: list[str], html: list[str]) -> None:
    kind = part.get_content_type()
    if kind in REPORTS:
        letter.reports.append(_text(part))
    elif kind in FEEDBACK:
        letter.feedback.append(_text(part))
    elif kind in RETURNED:
        letter.returned = letter.returned or _text(part)
    elif kind == "text/html":
        html.append(_text(part))
    elif kind.startswith("text/") and part.get_content_disposition() != "attachment":
        plain.append(_text(part))


def _parts(message: Message, depth: int = 0) -> Iterator[Message]:
    """The leaves. What is in a returned message is none of ours, so it is a leaf as well."""
    boundary = message.get_boundary() if message.get_content_maintype() == "multipart" else None
    chunks = _chunks(_body(message), boundary) if boundary and depth < DEEPEST else []
    if not chunks:
        if message.get_content_maintype() == "multipart":
            message.set_type("text/plain")
        yield message
    for chunk in chunks:
        yield from _parts(_parsed(chunk.encode("utf-8", "surrogateescape")), depth + 1)


def _chunks(body: str, boundary: str) -> list[str]:
    mark = re.compile(rf"^--{re.escape(boundary)}(--)?[ \t]*(?:\n|\Z)", re.MULTILINE)
    marks = list(mark.finditer(body))
    ends = [found.start() for found in marks[1:]] + [len(body)]
    return [body[found.end() : end] for found, end in zip(marks, ends, strict=True) if not found[1]] if marks else []


def _body(message: Message) -> str:
    try:
        payload = message.get_payload()
    except ValueError:  # a NUL in the name of the charset
        return ""
    return payload if isinstance(payload, str) else ""


def _text(part: Message) -> str:
    try:
        octets = part.get_payload(decode=True) or b""
        charset = str(part.get_content_charset("utf-8"))
    except (UnicodeError, ValueError, LookupError):
        octets, charset = _body(part).encode("utf-8", "replace"), "utf-8"
    for name in (charset, "utf-8"):
        try:
            return octets.decode(name).replace("\r\n", "\n")
        except (ValueError, LookupError):  # ValueError: a NUL in the name of the charset
            continue
    return octets.decode("latin-1")


def _split(text: str) -> tuple[str, str]:
    """The notice, and the copy of our mail behind it."""
    found = [match for match in (words.COPY.search(text), _HEADER_BLOCK.search(text)) if match]
    if not found:
        return text, ""
    first = min(found, key=lambda match: match.start())
    copy = text[first.start() :] if first.re is _HEADER_BLOCK else text[first.end() :]
    return text[: first.start()], copy
