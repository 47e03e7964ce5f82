"""The body of a message with slots: text, HTML and files in the order of RFC 2046 section 5.1.4, the richest last."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress

from blaster.mail import plain_text, styles
from blaster.mail.attachments import Attachment
from blaster.mail.merge import Fields, Merge, compile_text
from blaster.mail.quoted_printable import Body, with_lf

# No line of quoted-printable or base64 can begin with "--=_", so no part can hold a boundary (RFC 2045 section 6.7).
ALTERNATIVE, MIXED = "=_alternative", "=_mixed"

_META = re.compile(r"<meta\b[^<>]*+>", re.IGNORECASE)


class Parts:
    """From the MIME headers to the end. Raises MergeError for what its author must correct.

    mark: what is done to the HTML last.
    """

    def __init__(self, html: str, text: str, attachments: Sequence[Attachment], mark: Callable[[str], str] = str):
        start = b"MIME-Version: 1.0\r\n"
        self._end = b""
        if attachments:
            start += _multipart("mixed", MIXED) + _line(MIXED)
            files = b"".join(_line(MIXED) + attachment.part() for attachment in attachments)
            self._end = files + _line(MIXED, b"--")
        self._bodies = _alternatives(html, text, start, mark) if html else [_body(text, "plain", start)]

    def add_to(self, pieces: list[bytes], fields: Fields) -> None:
        """Append all of it for one recipient."""
        for body in self._bodies:
            body.add_to(pieces, fields)
        pieces.append(self._end)


def _alternatives(html: str, text: str, start: bytes, mark: Callable[[str], str]) -> list[Body]:
    between = _line(ALTERNATIVE)
    shown = _META.sub(lambda meta: "" if "charset" in meta[0].lower() else meta[0], html)
    with suppress(styles.NotInlined):  # the review has said so
        shown = styles.inlined(shown)
    return [
        _body(text or plain_text.from_html(html), "plain", start + _multipart("alternative", ALTERNATIVE) + between),
        _body(mark(shown), "html", between, _line(ALTERNATIVE, b"--")),
    ]


def _multipart(kind: str, boundary: str) -> bytes:
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()


def _line(boundary: str, end: bytes = b"") -> bytes:
    return b"--" + boundary.encode() + end + b"\r\n"


def _body(source: str, subtype: str, before: bytes, after: bytes = b"") -> Body:
    merge = compile_text(with_lf(source), html=subtype == "html")
    last = merge.statics[-1]
    ended = last if last.endswith("\n") else last + "\n"
    part = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return Body.of(Merge((*merge.statics[:-1], ended), merge.slots, merge.names), before + part.encode(), after)
