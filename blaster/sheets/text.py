"""Records out of a text: any usual encoding, separator and end of line."""

import codecs
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import chain, islice
from typing import BinaryIO

from blaster.errors import Invalid

LONGEST_LINE = 1_000_000
CELL = "\x1f"  # separates the cells of what was a workbook
_BLOCK = 1 << 18
_HEAD = 100  # lines that tell the separator
_SEPARATORS = ",;\t|"
# What is no list, however it is called; "html" is what many programs write and call .xls.
_OTHERS = {
    b"PK\x03\x04": "a spreadsheet or an archive",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"{\\rtf": "a text document",
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"<?xml": "an XML file",
    b"<table": "a web page",
}


def records(stream: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of the records that are not blank; no cells where one cannot be read. Raises Invalid."""
    lines = _lines(stream)
    head = list(islice(lines, _HEAD))
    separator = _separator(head)
    if head and head[0].lower().startswith("sep="):  # what Excel writes for itself
        head[0] = "\n"
    reader = csv.reader(chain(head, lines), delimiter=separator, skipinitialspace=True)
    while True:
        try:
            for cells in reader:
                if any(cells) and any(map(str.strip, cells)):
                    yield reader.line_num, cells
            return
        except csv.Error:
            yield reader.line_num, []


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Lines end with LF, CR LF or, from old spreadsheets, CR alone."""
    rest = b""
    stream = _utf8(stream)
    while block := stream.read(_BLOCK):
        lines = (rest + block).splitlines(keepends=True)
        rest = lines.pop()  # perhaps cut, perhaps before the LF of a CR LF
        if len(rest) > LONGEST_LINE:
            raise _invalid("It has a line of more than a million characters. Is it a list?")
        yield from _decoded(lines)
    yield from _decoded([rest] if rest else [])


def _decoded(lines: list[bytes]) -> Iterator[str]:
    """Text in Windows-1252 is hardly ever UTF-8 by chance; by the line where it must be, so that one odd row does not
    spoil the others."""
    try:
        return iter(StringIO(b"".join(lines).decode(), newline=""))
    except UnicodeDecodeError:
        return map(_line, lines)


def _line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _utf8(stream: BinaryIO) -> BinaryIO:
    start = stream.read(400)
    stream.seek(0)
    _refuse_others(start)
    if encoding := _utf16(start):
        return codecs.EncodedFile(stream, "utf-8", encoding, errors="replace")
    if start.startswith(codecs.BOM_UTF8):
        stream.seek(len(codecs.BOM_UTF8))
    return stream


def _refuse_others(start: bytes) -> None:
    plain = start.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for mark, name in _OTHERS.items():
        if plain.startswith(mark.lower()):
            raise _invalid(f"This is {name}. Open it in your spreadsheet program and save it as CSV or XLSX.")


def _utf16(start: bytes) -> str:
    """Every other byte of Western text is 0 in UTF-16; Windows writes it with a mark, many programs without."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd, half = start[0::2].count(0), start[1::2].count(0), len(start) / 2
    if odd > 0.4 * half and not even:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and not odd else ""


def _separator(head: Sequence[str]) -> str:
    """The one that cuts most records into the same number of cells, and into more of them."""
    if head and len(first := head[0].strip("\ufeff\r\n")) == 5 and first.lower().startswith("sep="):
        return first[-1]
    if any(CELL in line for line in head):
        return CELL
    return max(_SEPARATORS, key=lambda separator: _evenness(head, separator))


def _evenness(head: Sequence[str], separator: str) -> tuple[int, int]:
    widths: Counter[int] = Counter()
    try:
        widths.update(len(cells) for cells in csv.reader(head, delimiter=separator, skipinitialspace=True))
    except csv.Error:
        pass
    return max(((count, width) for width, count in widths.items() if width > 1), default=(0, 0))


def _invalid(sentence: str) -> Invalid:
    return Invalid({"file": sentence})
