"""Writes CSV as it is read, for spreadsheets: UTF-8 with a mark that says so, and no cell that runs as a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # the wide ones are what a Japanese Excel makes formulas of too
_BREAKS = ("\t", "\r", "\n")  # programs drop them, and what stands behind them begins the cell
_LINES = 500  # written in one piece


def stream(header: Sequence[str], rows: Iterable[Sequence]) -> Iterator[bytes]:
    """The file in pieces, the header first; `rows` are read as the pieces are asked for."""
    yield "\ufeff".encode()
    buffer = StringIO()
    writer = csv.writer(buffer)
    writer.writerow(map(safe, header))
    for count, row in enumerate(rows, start=1):
        writer.writerow(map(safe, row))
        if count % _LINES == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def safe(value: object) -> str:
    """The cell. A text that a spreadsheet would calculate gets an apostrophe in front, as OWASP
    advises; blanks before it do not hide it. Numbers of ours stay numbers."""
    if value is None:
        return ""
    text = str(value)
    is_formula = text.startswith(_BREAKS) or text.lstrip().startswith(_FORMULA)
    return f"'{text}" if isinstance(value, str) and is_formula else text


def instant(ms: int | None) -> str:
    """An instant (ms, UTC) as `2026-11-24 14:05:00`, which spreadsheets know as a time; empty for none."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S") if ms else ""


def _taken(buffer: StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")
