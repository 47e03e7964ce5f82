"""Run as a program: a workbook from standard input, as text to standard output. Imports nothing of this application.

The first line is the name of the sheet; then each row is one line, its cells separated by U+001F. What is wrong with
the workbook goes to standard error, with exit code 2.
"""

import csv
import sys
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from itertools import chain, islice

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetVisibleEnum

MEMORY = 1_500_000_000  # octets of address space
SECONDS = 120  # of CPU
UNPACKED = 1_000_000_000  # octets
SAMPLE = 200  # rows in which an address is looked for


class Refused(Exception):
    """With a sentence for the user."""


def main() -> int:
    _limit()
    try:
        source = sys.stdin.buffer
        _refuse_bomb(source)
        name, rows = _chosen(_opened(source))
        _write(name, rows, sys.stdout)
    except Refused as refusal:
        sys.stderr.write(str(refusal))
        return 2
    return 0


def _limit() -> None:
    """An allocation beyond it ends this process, and nothing else."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _refuse_bomb(source) -> None:
    if not zipfile.is_zipfile(source):
        source.seek(0)
        return
    with zipfile.ZipFile(source) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    source.seek(0)
    if unpacked > UNPACKED:
        size = f"{unpacked / 1e9:.1f} GB"
        raise Refused(f"This file would be {size} when unpacked. Save the sheet as CSV and choose that file.")


def _opened(source) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_filelike(source)
    except PasswordError:
        raise Refused("This workbook has a password. Save it without one and choose it again.") from None
    except (CalamineError, OSError, ValueError):
        raise Refused(
            "This file cannot be read as a workbook. Save the sheet as CSV or XLSX and choose that."
        ) from None


def _chosen(workbook: CalamineWorkbook) -> tuple[str, Iterator[list]]:
    """The first visible sheet with something like an address; else the first one with anything."""
    name, rows = "", iter(())
    for sheet in _sheets(workbook):
        every = _rows(sheet)
        sample = list(islice(every, SAMPLE))
        if any("@" in cell for cells in sample for cell in cells):
            return sheet.name, chain(sample, every)
        if not name and sample:
            name, rows = sheet.name, chain(sample, every)
    if not name:
        raise Refused("There are no rows in this workbook.")
    return name, rows


def _sheets(workbook: CalamineWorkbook) -> Iterator[CalamineSheet]:
    for index, about in enumerate(workbook.sheets_metadata):
        if about.visible == SheetVisibleEnum.Visible:
            try:
                yield workbook.get_sheet_by_index(index)
            except CalamineError:  # a chart, or damaged
                continue


def _rows(sheet: CalamineSheet) -> Iterator[list[str]]:
    """From the first row on, blank ones too, so that a line is a row of the sheet."""
    for cells in sheet.iter_rows():
        yield [_text(cell) for cell in cells]


def _text(value) -> str:
    if isinstance(value, str):
        return " ".join(value.split("\n")).replace("\r", "").replace("\x1f", " ")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _write(name: str, rows: Iterable[list[str]], out) -> None:
    out.reconfigure(encoding="utf-8", errors="replace", newline="")
    out.write(name.replace("\n", " ") + "\n")
    csv.writer(out, delimiter="\x1f", lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
