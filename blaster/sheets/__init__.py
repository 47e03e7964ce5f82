"""Recipients out of the files that people have: any usual separator, encoding and workbook, with or without titles.

`text` makes records of a text, `workbook` a text of a workbook, `columns` guesses what the columns mean; this module
turns records into rows and refusals. Pure: no database.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from json.encoder import encode_basestring
from typing import BinaryIO, NamedTuple

from blaster import addresses
from blaster.sheets import text
from blaster.sheets.columns import Columns, guess

SAMPLE = 1_000  # records that are looked at before anything is stored
LONGEST_ORIGINAL = 2_000
# What people copy out of their mail program.
_WRAPPED = re.compile(r"(?:[^<>]*<\s*|mailto:)([^<>\s]+)\s*>?", re.IGNORECASE).fullmatch


class Row(NamedTuple):
    """One recipient; `fields`: a JSON object of the values that are not empty, or None."""

    email: str
    key: str
    fields: str | None


class Refusal(NamedTuple):
    """A row that cannot be imported; `line` is where it ends in the file."""

    line: int
    reason: str
    original: str


@dataclass(frozen=True)
class Look:
    """The beginning of a file: its `records` from the first title on, and what they seem to mean."""

    columns: Columns
    records: list[tuple[int, list[str]]]
    is_whole: bool  # no more records than these

    def rows(self, columns: Columns) -> list[Row | Refusal]:
        """What these records become with other columns."""
        return list(_rows(self.records[columns.skip :], columns))


@dataclass(frozen=True)
class Sheet:
    """`names`: the merge fields, in the order of the columns; `rows` can be read once."""

    names: list[str]
    rows: Iterator[Row | Refusal]


def look(source: BinaryIO | str, *, has_titles: bool | None = None) -> Look:
    """Read the beginning of a file (seekable) or a pasted text. `has_titles`: what the user says, None guesses.

    Raises Invalid where no column holds addresses.
    """
    records = text.records(_stream(source))
    sample = list(islice(records, SAMPLE))
    return Look(guess(sample, has_titles), sample, is_whole=next(records, None) is None)


def read(source: BinaryIO | str, columns: Columns | None = None) -> Sheet:
    """All rows, by these columns or by a guess. Raises Invalid, also while the rows are read."""
    records = text.records(_stream(source))
    sample = [] if columns else list(islice(records, SAMPLE))
    columns = columns or guess(sample)
    rows = islice(chain(sample, records), columns.skip, None)
    return Sheet([name for name in columns.names if name], _rows(rows, columns))


def _stream(source: BinaryIO | str) -> BinaryIO:
    if not isinstance(source, str):
        return source
    # Half a surrogate pair becomes a mark that is no address, where "replace" would make it a question mark.
    return BytesIO(source.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode())


def _rows(records: Iterable[tuple[int, list[str]]], columns: Columns) -> Iterator[Row | Refusal]:
    at, width, titles = columns.address, len(columns.names), columns.titles
    named = [(index, f'"{name}":') for index, name in enumerate(columns.names) if name and index != at]
    for line, cells in records:
        try:
            if len(cells) != width:
                cells = _fitted(cells, width)
            email, key = _address(cells[at])
        except ValueError as error:
            if cells != titles:  # two exports one behind the other
                yield Refusal(line, str(error), ", ".join(cells)[:LONGEST_ORIGINAL])
        else:
            # The same text as json.dumps makes of a dict, in a third of the time.
            values = [name + encode_basestring(value) for index, name in named if (value := cells[index].strip())]
            yield Row(email, key, f"{{{','.join(values)}}}" if values else None)


def _address(cell: str) -> tuple[str, str]:
    if "\ufffd" in cell:
        raise ValueError("The address contains characters that cannot be read.")
    try:
        return addresses.normalise(cell)
    except ValueError:
        if not cell.strip():
            raise ValueError("The row has no e-mail address.") from None
        if wrapped := _WRAPPED(cell.strip()):
            return addresses.normalise(wrapped[1])
        raise


def _fitted(cells: list[str], width: int) -> list[str]:
    if not cells:
        raise ValueError("The row cannot be read; a quotation mark may be missing.")
    if any(cells[width:]):
        raise ValueError(f"The row has {len(cells)} columns instead of {width}.")
    return cells[:width] + [""] * (width - len(cells))
