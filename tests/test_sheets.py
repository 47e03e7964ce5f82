import io
import json

import pytest

from blaster import sheets
from blaster.errors import Invalid
from blaster.sheets import Refusal, Row


def read(source):
    """(names of the merge fields, rows) of a file given as bytes or a pasted text."""
    sheet = sheets.read(io.BytesIO(source) if isinstance(source, bytes) else source)
    return sheet.names, list(sheet.rows)


ANN = Row("ann@example.com", "ann@example.com", '{"first_name":"Ann","city":"Köln"}')
TABLE = "E-Mail;First Name;City\nann@example.com;Ann;Köln\nbob@example.com;;\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_usual_files_are_read(encoding, separator, end):
    text = TABLE.replace(";", separator).replace("\n", end)
    names, rows = read(text.encode(encoding))
    assert names == ["first_name", "city"]
    assert rows == [ANN, Row("bob@example.com", "bob@example.com", None)]


def test_one_row_in_another_encoding_does_not_spoil_the_others():
    _, rows = read("mail,city\nann@example.com,Köln\n".encode() + "bob@example.com,Malmö\n".encode("cp1252"))
    assert [json.loads(row.fields)["city"] for row in rows] == ["Köln", "Malmö"]


@pytest.mark.parametrize(
    "table",
    [
        "Name,Correo\nAnn,ann@example.com\n",
        "Name,Contact\nAnn,ann@example.com\n",
        "Address,Kontakt\n1 Ann Street,ann@example.com\n",
        "Ann,ann@example.com\nBob,bob@example.com\n",
        "ann@example.com\nbob@example.com\n",
        "ann@example.com",
        "email\nann@example.com",
        '"email"\n"ann@example.com"\n',
        'Email,Note\nann@example.com,"a; b; c"\nbob@example.com,"d, e\nf"\n',
        "Email;Price\nann@example.com;12,50\nbob@example.com;9,90\n",
        "\n\n,\nName,Email\nAnn,ann@example.com\n",
    ],
)
def test_address_column_is_found_by_name_or_content(table):
    assert read(table)[1][0].email == "ann@example.com"


def test_named_column_wins_over_one_with_more_addresses():
    _, rows = read("Owner,Email\nboss@example.com,ann@example.com\nboss@example.com,not yet\n")
    assert rows[0].email == "ann@example.com"
    assert json.loads(rows[0].fields) == {"owner": "boss@example.com"}
    assert type(rows[1]) is Refusal


def test_columns_become_names_that_merge_tags_can_use():
    header = "email,Prénom (1),2nd line,City,city,E-mail 2,Имя,if,,Email\n"
    names, rows = read(header + "ann@example.com,a,b,c,d,e,f,g,,h\n")
    assert names == ["prenom_1", "field_2nd_line", "city", "city_2", "e_mail_2", "имя", "field_if", "email_2"]
    assert list(json.loads(rows[0].fields).values()) == list("abcdefgh")


def test_columns_without_titles_are_numbered():
    names, rows = read("ann@example.com,Ann,,Köln\nbob@example.com,Bob,,Bonn\n")
    assert names == ["column_2", "column_4"]
    assert json.loads(rows[1].fields) == {"column_2": "Bob", "column_4": "Bonn"}


def test_bad_rows_are_refused_with_line_and_reason_and_the_rest_is_read():
    _, rows = read(
        'email,name\nann@example.com,"Ann\nLee"\nnobody,X\n\n,Y\nbob@example.com,Lee, Bob\ncy@example.com,Cy,,\n'
    )
    assert [row.email for row in rows if type(row) is Row] == ["ann@example.com", "cy@example.com"]
    refused = [row for row in rows if type(row) is Refusal]
    assert [(row.line, row.original) for row in refused] == [
        (4, "nobody, X"),
        (6, ", Y"),
        (7, "bob@example.com, Lee, Bob"),
    ]
    assert all(row.reason for row in refused)


def test_reading_goes_on_after_a_row_that_cannot_be_read():
    broken = 'bob@example.com,"' + "x" * 200_000
    _, rows = read(f"email,name\nann@example.com,Ann\n{broken}\ncy@example.com,Cy\n")
    assert [type(row) for row in rows] == [Row, Refusal, Row]
    assert rows[1].line == 3


def test_missing_cells_are_empty():
    assert read("name,email,city\nAnn,ann@example.com\n")[1][0].fields == '{"name":"Ann"}'


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "no rows"),
        (b"\n \n,,\n", "no rows"),
        (b"PK\x03\x04 and so on", "spreadsheet"),
        (b"name,city\nAnn,Bonn\n", "name, city"),
        (b"x" * 2_000_000, "million characters"),
        (b"\x00\x01\x02" * 100, "No column"),
        (b"email" + b",a" * 100, "101 columns"),
        (b"email," * 400_000, "million characters"),
    ],
)
def test_what_is_no_list_is_refused_in_words(content, word):
    with pytest.raises(Invalid) as refusal:
        read(content)
    assert word in refusal.value.errors["file"]
