"""Reads recipients from CSV as it comes: any usual separator and encoding, with or without a header row."""

import codecs
import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from typing import BinaryIO, NamedTuple

from blaster import addresses
from blaster.errors import Invalid
from blaster.mail.merge import KEYWORDS

MOST_COLUMNS = 100
LONGEST_LINE = 1_000_000
SAMPLE = 100  # rows that are looked at before anything is stored
_BLOCK = 1 << 18
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ADDRESS_NAMES = frozenset(
    """email e_mail mail emailaddress email_address e_mail_address mail_address emailadresse email_adresse
    e_mail_adresse mailadresse mail_adresse adresse_email adresse_e_mail adresse_mail courriel correo
    correo_electronico direccion_de_correo indirizzo_email posta_elettronica""".split()
)


class Row(NamedTuple):
    """One recipient; `fields` holds the values that are not empty."""

    email: str
    key: str
    fields: dict[str, str]


class Refusal(NamedTuple):
    """A row that cannot be imported; `line` is where it ends in the file."""

    line: int
    reason: str
    original: str


@dataclass(frozen=True)
class Sheet:
    """`names`: the merge fields, in the order of the columns; `rows` can be read once."""

    names: list[str]
    rows: Iterator[Row | Refusal]


def read(source: BinaryIO | str) -> Sheet:
    """Open a file (seekable) or a pasted text. Raises Invalid, also while the rows are read."""
    stream = BytesIO(source.encode("utf-8", "replace")) if isinstance(source, str) else source
    lines = _lines(stream)
    head = list(islice(lines, SAMPLE))
    reader = csv.reader(chain(head, lines), delimiter=_delimiter(head), skipinitialspace=True)
    records = _records(reader)
    sample = list(islice(records, SAMPLE))
    if not sample:
        raise _invalid("There are no rows in it.")
    return _sheet(sample, records)


def _invalid(sentence: str) -> Invalid:
    return Invalid({"file": sentence})


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Lines end with LF, CR LF or, from old spreadsheets, CR alone."""
    rest = b""
    stream = _utf8(stream)
    while block := stream.read(_BLOCK):
        lines = (rest + block).splitlines(keepends=True)
        rest = lines.pop()  # perhaps cut, perhaps before the LF of a CR LF
        if len(rest) > LONGEST_LINE:
            raise _invalid("It has a line of more than a million characters. Is it a CSV file?")
        yield from map(_text, lines)
    if rest:
        yield _text(rest)


def _utf8(stream: BinaryIO) -> BinaryIO:
    start = stream.read(4)
    stream.seek(0)
    if start.startswith(b"PK\x03\x04"):
        raise _invalid("This is a spreadsheet or an archive. Save it as CSV and choose that file.")
    if start.startswith(_UTF16):
        return codecs.EncodedFile(stream, "utf-8", "utf-16", errors="replace")
    if start.startswith(codecs.BOM_UTF8):
        stream.seek(len(codecs.BOM_UTF8))
    return stream


def _text(line: bytes) -> str:
    """By the line: text in Windows-1252 is hardly ever UTF-8 by chance, and one odd row does not spoil the others."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _delimiter(head: Sequence[str]) -> str:
    try:
        return csv.Sniffer().sniff("".join(head)[:20_000], delimiters=",;\t|").delimiter or ","
    except csv.Error:
        return ","  # a single column


def _records(reader) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of the rows that are not blank; no cells where the row cannot be read."""
    while True:
        try:
            for cells in reader:
                if any(cells):
                    yield reader.line_num, cells
            return
        except csv.Error:
            yield reader.line_num, []


def _sheet(sample: list[tuple[int, list[str]]], records: Iterable[tuple[int, list[str]]]) -> Sheet:
    first = sample[0][1]
    if len(first) > MOST_COLUMNS:
        raise _invalid(f"It has {len(first):,} columns; at most {MOST_COLUMNS} can be imported.")
    header = [] if any(map(_is_address, first)) else first
    rows = sample[1:] if header else sample
    column = _address_column(header, [cells for _, cells in rows])
    if column is None:
        raise _invalid(f"No column with e-mail addresses found. The columns are: {', '.join(first)[:200]}.")
    names = _field_names(header, len(first), column, [cells for _, cells in rows])
    return Sheet([name for name in names if name], _rows(chain(rows, records), names, column))


def _is_address(cell: str) -> bool:
    try:
        addresses.normalise(cell)
    except ValueError:
        return False
    return True


def _address_column(header: list[str], rows: list[list[str]]) -> int | None:
    for column, title in enumerate(header):
        if _slug(title) in _ADDRESS_NAMES:
            return column
    found = [0] * max(map(len, rows), default=0)
    for cells in rows:
        for column, cell in enumerate(cells):
            found[column] += "@" in cell and _is_address(cell)
    return found.index(max(found)) if any(found) else None


def _field_names(header: list[str], width: int, address: int, rows: list[list[str]]) -> list[str]:
    """The merge field of each column; empty for the address and for columns with neither title nor values."""
    names: list[str] = []
    for column in range(width):
        name = _slug(header[column]) if header else ""
        if not name and any(any(cells[column : column + 1]) for cells in rows):
            name = f"column_{column + 1}"
        names.append("" if column == address else _unique(name, names))
    return names


def _slug(title: str) -> str:
    """A name that merge tags can use: "Prénom (1)" becomes prenom_1."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", title.lower()) if not unicodedata.combining(c))
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFC", plain)).strip("_")[:60]
    return f"field_{name}" if name[:1].isdigit() or name in KEYWORDS else name


def _unique(name: str, taken: list[str]) -> str:
    """`email` is always the recipient's address."""
    candidates = chain([name], (f"{name}_{n}" for n in range(2, MOST_COLUMNS + 2)))
    return next(c for c in candidates if not c or c != "email" and c not in taken)


def _rows(records: Iterable[tuple[int, list[str]]], names: list[str], column: int) -> Iterator[Row | Refusal]:
    named = [(at, name) for at, name in enumerate(names) if name]
    for line, cells in records:
        try:
            if len(cells) != len(names):
                cells = _fitted(cells, len(names))
            email, key = addresses.normalise(cells[column])
        except ValueError as error:
            yield Refusal(line, str(error), ", ".join(cells)[:200])
        else:
            yield Row(email, key, {name: value for at, name in named if (value := cells[at].strip())})


def _fitted(cells: list[str], width: int) -> list[str]:
    if not cells:
        raise ValueError("The row cannot be read; a quotation mark may be missing.")
    if any(cells[width:]):
        raise ValueError(f"The row has {len(cells)} columns instead of {width}.")
    return cells[:width] + [""] * (width - len(cells))
