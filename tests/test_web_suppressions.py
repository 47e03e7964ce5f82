import csv
import io

import pytest

from blaster import suppressions


def add(visitor, rows, **more):
    return visitor.post("/suppressions/add", {"rows": rows}, **more)


def emails(user_id):
    return {entry.email for entry in suppressions.search(user_id)}


def test_it_is_empty_and_says_what_comes_here(alice):
    page = alice.get("/suppressions").text
    assert "Nobody is suppressed" in page and "/suppressions/add" in page and "Export" not in page


def test_lines_and_files_come_in(alice, bob):
    assert add(alice, "zoe@example.com\n@example.org").location == "/suppressions"
    file = (io.BytesIO(b"E-Mail;Name\nada@example.com;Ada\n"), "old.csv")
    assert alice.post("/suppressions/add", {"rows": "", "file": file}).status_code == 303
    page = alice.get("/suppressions").text
    assert all(
        each in page for each in ("zoe@example.com", "@example.org", "ada@example.com", "Imported", "Added by you")
    )
    assert emails(bob.user_id) == set()


@pytest.mark.parametrize("htmx", [False, True])
def test_what_cannot_be_taken_is_shown(alice, htmx):
    answer = add(alice, "zoe@example.com\nnowhere", htmx=htmx)
    assert answer.status_code == 422
    assert "1 entry added." in answer.text and "nowhere" in answer.text
    assert "at least one address" in add(alice, " ", htmx=htmx).text
    assert add(alice, "nothing", htmx=htmx).status_code == 422
    assert emails(alice.user_id) == {"zoe@example.com"}


def test_it_is_searched_by_address_and_reason(alice):
    add(alice, "zoe@example.com\nada@example.org")
    assert "zoe@" not in alice.get("/suppressions?search=example.org").text
    assert "No such entry" in alice.get("/suppressions?reason=hard").text
    assert "zoe@" in alice.get("/suppressions?reason=manual&search=ZOE").text


def test_pages_follow_one_another(alice):
    add(alice, "\n".join(f"p{i:03}@example.com" for i in range(60)))
    page = alice.get("/suppressions").text
    (link,) = [part.split('"')[0] for part in page.split('href="') if part.startswith("/suppressions?before=")]
    assert "p009@" in alice.get(link.replace("&amp;", "&")).text and "p009@" not in page


def test_an_entry_goes_with_a_reason_only(alice):
    add(alice, "zoe@example.com")
    url = f"/suppressions/{suppressions.search(alice.user_id)[0].id}/lift"
    assert "zoe@example.com" in alice.get(url).text
    assert alice.post(url, {"why": " "}).status_code == 422
    assert alice.post(url, {"why": "Signed up again"}).location == "/suppressions"
    page = alice.get("/suppressions").text
    assert "Let in again" in page and "Signed up again" in page and "Nobody is suppressed" in page


def test_the_export_is_safe_in_a_spreadsheet_and_can_be_brought_back(alice, bob):
    add(alice, "zoe@example.com\n@example.org\n=cmd@example.com")
    answer = alice.get("/suppressions/export.csv")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert rows[0][:2] == ["address", "reason"]
    assert {row[0] for row in rows[1:]} == {"zoe@example.com", "'@example.org", "'=cmd@example.com"}
    bob.post("/suppressions/add", {"rows": "", "file": (io.BytesIO(answer.data), "suppressions.csv")})
    assert emails(bob.user_id) == {"zoe@example.com", "@example.org", "=cmd@example.com"}


def test_what_was_erased_is_neither_named_nor_let_in(alice):
    suppressions.record(alice.user_id, "", "erased:abc", "erased")
    page = alice.get("/suppressions").text
    assert "Erased address" in page and "erased:abc" not in page and "/lift" not in page


def test_administrators_see_complaints_in_part_and_lift_them(alice, admin):
    suppressions.complain(alice.user_id, "zoe@example.com", "zoe@example.com", None)
    page = admin.get("/admin/complaints").text
    assert "z•••@example.com" in page and "zoe@" not in page
    assert "z•••@example.com" in admin.get("/admin/complaints?search=Zoe@example.com").text
    assert "Nobody complained" in admin.get("/admin/complaints?search=example.com").text
    number = suppressions.of_everybody()[0][0].id
    url = f"/admin/complaints/{number}/lift"
    assert url in admin.get(f"/admin/complaints?lift={number}").text
    for htmx in (False, True):
        answer = admin.post(url, {"why": ""}, htmx=htmx)
        assert answer.status_code == 422 and "new consent" in answer.text and "zoe@" not in answer.text
    assert admin.post(url, {"why": "The provider took it back"}).status_code == 303
    assert suppressions.of_everybody() == [] and emails(alice.user_id) == {"zoe@example.com"}
    page = admin.get("/admin/complaints").text
    assert "The provider took it back" in page and "zoe@" not in page
    own = suppressions.search(alice.user_id)[0].id
    assert admin.post(f"/admin/complaints/{own}/lift", {"why": "not theirs"}).status_code == 404
