"""Workbooks (XLSX, XLS, ODS) as text, read by a process of its own: a hostile file may take its memory, not ours."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO

from blaster.errors import Invalid

MOST_TEXT = 500_000_000  # octets
_READER = Path(__file__).with_name("workbook_reader.py")
_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_BLOCK = 1 << 20
_TOO_LARGE = "This workbook needs too much memory. Save its sheet as CSV and choose that file."


def is_one(stream: BinaryIO) -> bool:
    """By its first octets; other archives are refused when they are read."""
    start = stream.read(8)
    stream.seek(0)
    return start.startswith(_STARTS)


def text(stream: BinaryIO) -> Iterator[bytes]:
    """The first sheet with addresses, a line for each row: first the name of the sheet, then pieces of the text.

    Raises Invalid with what the reader says.
    """
    with tempfile.TemporaryFile() as file:
        copyfileobj(stream, file)
        file.seek(0)
        # Isolated: it needs nothing of this application, and none of its secrets.
        reading = subprocess.Popen(
            [sys.executable, "-I", str(_READER)], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={}
        )
        with reading:
            try:
                yield reading.stdout.readline()
                yield from _pieces(reading.stdout)
            except BaseException:
                reading.kill()
                raise
            _refuse(reading.wait(), reading.stderr.read())


def _pieces(pipe) -> Iterator[bytes]:
    length = 0
    while piece := pipe.read(_BLOCK):
        length += len(piece)
        if length > MOST_TEXT:
            raise Invalid({"file": _TOO_LARGE})
        yield piece


def _refuse(code: int, words: bytes) -> None:
    """It says what is wrong and returns 2; it does not get so far where memory or time ran out."""
    if code:
        raise Invalid({"file": words.decode("utf-8", "replace") if code == 2 else _TOO_LARGE})
