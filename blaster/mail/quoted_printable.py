"""Quoted-printable bodies (RFC 2045 section 6.7) with slots: what is the same for all is encoded once."""

import binascii
import re
from dataclasses import dataclass

from blaster.mail.merge import Fields, Merge, MergeError, Slot
from blaster.mail.sandbox import OUTPUT_LIMIT

SOFT_BREAK = b"=\r\n"
LINE = 76

_BREAKS = re.compile(r"\r\n|\r|\n")
_DOTS = re.compile(rb"^\.{1,24}", re.MULTILINE)


def with_lf(text: str) -> str:
    """Every line break as LF."""
    return _BREAKS.sub("\n", text)


def encode(text: str) -> bytes:
    """Text with LF line breaks, beginning at the start of a line, as lines of 76 octets at most that end in CRLF, none
    of which begins with a dot."""
    # Given CRLF, b2a_qp makes its soft breaks of what it finds first in the text; given LF it has no choice.
    lines = binascii.b2a_qp(text.encode("utf-8", "replace"), istext=True)
    while _DOTS.search(lines):  # those behind the first 24 begin a line then
        lines = _DOTS.sub(lambda dots: b"=2E" * len(dots[0]) + b"=\n", lines)
    return lines.replace(b"\n", b"\r\n")


@dataclass(frozen=True)
class Body:
    """An encoded text: `start`, and then each slot with the encoded text that follows it."""

    start: bytes
    rest: tuple[tuple[Slot, bytes], ...]

    @classmethod
    def of(cls, merge: Merge, before: bytes, after: bytes) -> "Body":
        """`before` and `after` are put round it as they are. The statics must have LF line breaks, the last must end a
        line."""
        encoded = [_before_slot(encode(static)) for static in merge.statics[:-1]] + [encode(merge.statics[-1])]
        encoded[0] = before + encoded[0]
        encoded[-1] += after
        return cls(encoded[0], tuple(zip(merge.slots, encoded[1:], strict=True)))

    def add_to(self, pieces: list[bytes], fields: Fields) -> None:
        """Append the body for one recipient."""
        pieces.append(self.start)
        room = OUTPUT_LIMIT
        for slot, static in self.rest:
            value = slot(fields)
            if len(value) < LINE and value.isascii() and value.isprintable() and "=" not in value and value[:1] != ".":
                if value:
                    pieces += (value.encode(), SOFT_BREAK)
            else:
                room -= len(value)
                if room < 0:
                    raise MergeError(f"a text gets longer than {OUTPUT_LIMIT:,} characters")
                pieces += (encode(with_lf(value)), SOFT_BREAK)
            pieces.append(static)


def _before_slot(encoded: bytes) -> bytes:
    """A slot begins a line of its own, and ends it, so that the length of a value moves nothing around it."""
    return encoded if not encoded or encoded.endswith(b"\r\n") else encoded + SOFT_BREAK
