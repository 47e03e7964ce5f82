"""Files as people have them, one for each trouble: what a person would expect comes out, or a sentence says why not."""

import io
import json
from pathlib import Path

import pytest

from blaster import recipients
from blaster.imports import uploads
from tests import workbooks

ADA, GRACE = "ada@example.com", "grace@example.com"
TABLE = "Name;E-Mail;City\nAda;ada@example.com;Köln\nGrace;grace@example.com;Malmö\n"
PEOPLE = {ADA: {"name": "Ada", "city": "Köln"}, GRACE: {"name": "Grace", "city": "Malmö"}}
ROWS = [line.split(";") for line in TABLE.splitlines()]
BOTH = {ADA: {}, GRACE: {}}

# what it is: (the file, who is on the list afterwards, [(line, part of the reason) of what is refused])
READ = {
    "a byte order mark": (b"\xef\xbb\xbf" + TABLE.encode(), PEOPLE, []),
    "UTF-16 as Excel's Unicode text": (TABLE.replace(";", "\t").encode("utf-16"), PEOPLE, []),
    "UTF-16 without a mark": (TABLE.encode("utf-16-le"), PEOPLE, []),
    "UTF-16, the other way round": (TABLE.encode("utf-16-be"), PEOPLE, []),
    "Windows-1252": (TABLE.encode("cp1252"), PEOPLE, []),
    "tabs": (TABLE.replace(";", "\t"), PEOPLE, []),
    "commas and CR LF": (TABLE.replace(";", ",").replace("\n", "\r\n"), PEOPLE, []),
    "CR alone, from old Macs": (TABLE.replace("\n", "\r"), PEOPLE, []),
    "Excel's word on the separator": ("sep=;\n" + TABLE, PEOPLE, []),
    "Excel's word on the separator, no titles": (
        f"sep=|\n{ADA}|x\n{GRACE}|y\n",
        {ADA: {"column_2": "x"}, GRACE: {"column_2": "y"}},
        [],
    ),
    "line breaks in quotes": (
        f'email,note\n{ADA},"one\ntwo; three, four"\n{GRACE},\n',
        {ADA: {"note": "one\ntwo; three, four"}, GRACE: {}},
        [],
    ),
    "no titles": (f"Ada,{ADA}\nGrace,{GRACE}\n", {ADA: {"column_1": "Ada"}, GRACE: {"column_1": "Grace"}}, []),
    "one address a line": (f"{ADA}\n{GRACE}\n", BOTH, []),
    "a heading above the titles": ("Customers of November;;\n\n" + TABLE, PEOPLE, []),
    "the titles twice": (TABLE.splitlines()[0] + "\n" + TABLE, PEOPLE, []),
    "two exports one behind the other": (
        TABLE + TABLE.replace("Köln", "Bonn"),
        {**PEOPLE, ADA: {"name": "Ada", "city": "Bonn"}},
        [],
    ),
    "the same title twice": (f"email,city,city\n{ADA},Köln,Bonn\n", {ADA: {"city": "Köln", "city_2": "Bonn"}}, []),
    "blank lines, and a sum below": (
        TABLE.replace("\n", "\n\n") + ";;\n   \nTotal: 2;;\n",
        PEOPLE,
        [(9, "no e-mail address")],
    ),
    "empty columns at the right": (TABLE.replace("\n", ";;;\n"), PEOPLE, []),
    "a comma too many": (
        f"email,name\n{ADA},Lovelace, Ada\n{GRACE},Grace\n",
        {GRACE: {"name": "Grace"}},
        [(2, "3 columns instead of 2")],
    ),
    "addresses as mail programs write them": (
        f'name,email\nAda,"Lovelace, Ada <{ADA}>"\nGrace,mailto:{GRACE}\nAlan, <alan@example.com> \n',
        {ADA: {"name": "Ada"}, GRACE: {"name": "Grace"}, "alan@example.com": {"name": "Alan"}},
        [],
    ),
    "addresses that are none": (
        f"email\n{ADA}\nnobody\nx@@example.com\n{GRACE}\n\u200b{ADA.upper()}\u00a0\n",
        BOTH,
        [(3, "@"), (4, "@")],
    ),
    "a quotation mark without end": (
        f'email,name\n{ADA},Ada\n{GRACE},"Grace\n',
        {ADA: {"name": "Ada"}, GRACE: {"name": "Grace"}},
        [],
    ),
    "XLSX": (workbooks.xlsx(People=ROWS), PEOPLE, []),
    "XLSX with hidden and empty sheets, numbers and blank rows": (
        workbooks.xlsx(
            _Old=[["old@example.com"]],
            Empty=[],
            Notes=[["Nothing"]],
            People=[[], ["Mail", "No"], [], [ADA, 7], ["x", 7.5], [GRACE, ""]],
        ),
        {ADA: {"no": "7"}, GRACE: {}},
        [(5, "@")],
    ),
    "ODS": (workbooks.ods(ROWS), PEOPLE, []),
    "XLS, its addresses on the second sheet": (
        Path(__file__).with_name("messy").joinpath("people.xls").read_bytes(),
        {
            ADA: {"name": "Ada Löwe", "kundennummer": "1024", "seit": "2024-02-29"},
            GRACE: {"name": "Grace", "kundennummer": "7.5"},
        },
        [],
    ),
}

WRONG = {
    "nothing": (b"", "There are no rows in it."),
    "blanks only": (b"\n ;;\n\n", "There are no rows in it."),
    "no addresses": ("Name;City\nAda;Köln\n", "No column with e-mail addresses found. The columns are: Name, City."),
    "a web page called .xls": (b"\n<html><table><tr><td>ada@example.com", "This is a web page."),
    "an XML file called .xls": (b'<?xml version="1.0"?><Workbook>', "This is an XML file."),
    "a PDF": (b"%PDF-1.7 ada@example.com", "This is a PDF document."),
    "a picture": (b"\x89PNG\r\n\x1a\n", "This is a picture."),
    "an archive": (workbooks.archive({"people.csv": TABLE}), "cannot be read as a workbook"),
    "a broken workbook": (workbooks.xlsx(People=ROWS)[:-300], "cannot be read as a workbook"),
    "an empty workbook": (workbooks.xlsx(People=[]), "There are no rows in this workbook."),
    "half an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "cannot be read as a workbook"),
    "a workbook of one cell far away": (
        workbooks.xlsx(
            People='<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        ),
        "needs too much memory",
    ),
    "an ODS that repeats a row for ever": (
        workbooks.ods(
            '<table:table-row table:number-rows-repeated="1048576">'
            '<table:table-cell office:value-type="string" table:number-columns-repeated="16384">'
            "<text:p>ada@example.com</text:p></table:table-cell></table:table-row>"
        ),
        "cannot be read as a workbook",
    ),
    "zeros": (bytes(5_000), "No column with e-mail addresses found."),
    "too many columns": ("email" + ",x" * 100 + f"\n{ADA}\n", "It has 101 columns; at most 100 can be imported."),
}

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def customers(alice) -> int:
    return recipients.create_list(alice.user_id, "Customers").id


def upload(alice, list_id, content):
    content = content.encode() if isinstance(content, str) else content
    data = {"file": (io.BytesIO(content), "people")}
    return alice.post(f"/lists/{list_id}/import", data, content_type="multipart/form-data")


@pytest.mark.parametrize(("content", "expected", "refused"), READ.values(), ids=READ)
def test_it_is_read_as_a_person_would(alice, customers, content, expected, refused):
    answer = upload(alice, customers, content)
    assert answer.status_code == 303, answer.text
    page = alice.get(answer.location)
    assert page.status_code == 200
    form = {"action": "start", "consent": "form", "on": "2026-01-31"}
    if 'value="1" checked' in page.text:
        form["titles"] = "1"
    assert alice.post(answer.location, form).status_code == 303
    assert alice.get(answer.location).status_code == 200
    rows = recipients.list_recipients(alice.user_id, customers)
    assert {row.email: json.loads(row.fields or "{}") for row in rows} == expected
    import_id = int(answer.location.rpartition("/")[2])
    found = list(uploads.refusals(alice.user_id, import_id))
    assert [line for line, _, _ in found] == [line for line, _ in refused]
    for (_, reason, _), (_, part) in zip(found, refused, strict=True):
        assert part in reason


@pytest.mark.parametrize(("content", "words"), WRONG.values(), ids=WRONG)
def test_what_is_no_list_says_so_in_words(alice, customers, content, words):
    answer = upload(alice, customers, content)
    assert answer.status_code == 422
    assert words in answer.text
    assert uploads.of_list(alice.user_id, customers) == []
