"""Files that go along with a message, encoded once for all its recipients."""

import base64
import re
import unicodedata
from dataclasses import dataclass, field
from urllib.parse import quote

from blaster.mail.headers import clean

LINE = 76  # RFC 2045 section 6.8
PLAIN_NAME = 60  # characters of a name that needs no other form

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")
_NOT_PLAIN = re.compile(r"[^ !#-\[\]-~]|[/:*?<>|]")  # what RFC 2045 cannot quote, and what file systems refuse


@dataclass(frozen=True)
class Attachment:
    """A file. content_type: as in `application/pdf`; what is no type of a file is sent as application/octet-stream."""

    filename: str
    content_type: str
    data: bytes = field(repr=False)

    def part(self) -> bytes:
        """The MIME part (RFC 2183), from its headers to its end."""
        kind = self.content_type.lower()
        if not _TYPE.fullmatch(kind) or kind.startswith(("multipart/", "message/")):
            kind = "application/octet-stream"  # base64 is not possible for the other two, RFC 2046 section 5.2
        plain, full = _names(self.filename)
        head = (
            f"Content-Type: {kind}{plain}\r\nContent-Transfer-Encoding: base64\r\n"
            f"Content-Disposition: attachment;{full}\r\n\r\n"
        )
        return head.encode() + _lines(self.data)


def _lines(data: bytes) -> bytes:
    encoded = base64.b64encode(data)
    return b"".join(encoded[start : start + LINE] + b"\r\n" for start in range(0, len(encoded), LINE))


def _names(name: str) -> tuple[str, str]:
    """What is added to the type, in ASCII for old readers, and to the disposition: RFC 2231 where ASCII says less."""
    name = clean(name)
    plain = _plain(name)
    if plain == name:
        return "", f'\r\n filename="{plain}"'
    # As a second `filename` the name in ASCII would be taken for the name by some parsers.
    return f';\r\n name="{plain}"', _extended(name)


def _plain(name: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    plain = _NOT_PLAIN.sub("_", bare)
    if len(plain) <= PLAIN_NAME:
        return plain
    stem, dot, suffix = plain.rpartition(".")
    ending = dot + suffix if len(suffix) <= 10 else ""
    return (stem or plain)[: PLAIN_NAME - len(ending)] + ending


def _extended(name: str) -> str:
    characters = [quote(character, safe="") for character in name]  # some readers decode piece by piece
    room = LINE - len(" filename*99*=utf-8'';")
    if sum(map(len, characters)) <= room:
        return f"\r\n filename*=utf-8''{''.join(characters)}"
    pieces = [""]
    for character in characters:
        if len(pieces[-1]) + len(character) > room:
            pieces.append("")
        pieces[-1] += character
    pieces[0] = "utf-8''" + pieces[0]
    return ";".join(f"\r\n filename*{number}*={piece}" for number, piece in enumerate(pieces))
