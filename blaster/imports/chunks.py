"""The text of an upload, in pieces of a megabyte in the database: any worker's host can read it."""

import io
from collections.abc import Iterable, Iterator

from blaster import db
from blaster.db import campaign_db
from blaster.models.imports import ImportChunk

SIZE = 1 << 20


class Gone(Exception):
    """The upload was deleted while it was read."""


def write(import_id: int, pieces: Iterable[bytes]) -> int:
    """Keep the pieces, of whatever length; returns their octets."""
    size = 0
    with db.session(campaign_db):
        for position, content in enumerate(_even(pieces)):
            ImportChunk.insert(import_id=import_id, position=position, content=content).execute()
            size += len(content)
    return size


def _even(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = bytearray()
    for piece in pieces:
        rest += piece
        while len(rest) >= SIZE:
            yield bytes(rest[:SIZE])
            del rest[:SIZE]
    if rest:
        yield bytes(rest)


def delete(import_id: int) -> None:
    """All of an import."""
    with db.session(campaign_db):
        ImportChunk.delete().where(ImportChunk.import_id == import_id).execute()


class Chunks(io.RawIOBase):
    """Reads one after the other. Raises Gone where one is missing."""

    def __init__(self, import_id: int):
        self._import_id, self._at = import_id, 0
        self._position, self._content = -1, b""
        with db.session(campaign_db):
            self._count = ImportChunk.select().where(ImportChunk.import_id == import_id).count()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (self._at if whence == io.SEEK_CUR else 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer) -> int:
        position, start = divmod(self._at, SIZE)
        if position >= self._count:
            return 0
        piece = self._chunk(position)[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _chunk(self, position: int) -> bytes:
        if position != self._position:
            here = (ImportChunk.import_id == self._import_id) & (ImportChunk.position == position)
            with db.session(campaign_db):
                found = ImportChunk.get_or_none(here)
            if found is None:
                raise Gone
            self._position, self._content = position, bytes(found.content)
        return self._content
