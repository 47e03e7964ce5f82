import csv
from io import StringIO

import pytest

from blaster import csv_export


def read(pieces) -> list[list[str]]:
    return list(csv.reader(StringIO(b"".join(pieces).decode("utf-8-sig"))))


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", " =1+1", "\u00a0@x", "＝1+1", '=HYPERLINK("http://x","y")'],
)
def test_no_cell_is_a_formula(cell):
    assert csv_export.safe(cell) == "'" + cell
    assert read(csv_export.stream([cell], [[cell]])) == [["'" + cell]] * 2


@pytest.mark.parametrize(("value", "cell"), [(None, ""), (-5, "-5"), (0, "0"), ("a=b", "a=b"), ("", "")])
def test_other_values_stay_what_they_are(value, cell):
    assert csv_export.safe(value) == cell


def test_cells_come_back_as_they_were():
    rows = [["a,b;c", 'say "x"', "two\nlines"], ["Köln", "💌", ""]]
    assert read(csv_export.stream(["one", "two", "three"], rows)) == [["one", "two", "three"], *rows]


def test_spreadsheets_are_told_the_encoding():
    assert b"".join(csv_export.stream(["a"], [])) == b"\xef\xbb\xbfa\r\n"


def test_a_large_file_is_written_while_it_is_read():
    asked = []

    def rows():
        for number in range(10_000):
            asked.append(number)
            yield [number]

    pieces = csv_export.stream(["n"], rows())
    while len(asked) == 0:
        next(pieces)
    assert len(asked) < 1_000
    assert sum(1 for _ in pieces) > 10


@pytest.mark.parametrize(("ms", "text"), [(None, ""), (0, ""), (1_795_000_000_123, "2026-11-18 11:06:40")])
def test_instants_are_times_to_a_spreadsheet(ms, text):
    assert csv_export.instant(ms) == text
