import io
import re

import pytest

from blaster import recipients
from blaster.imports import run, uploads

CSV = "email,First name,city\nada@example.com,Ada,London\ngrace@example.com,Grace,New York\n"
AGREED = {"action": "start", "titled": "True", "titles": "1", "consent": "form", "on": "2026-01-31"}
AGREED_BARE = {"action": "start", "titled": "False", "consent": "form", "on": "2026-01-31"}  # no titles

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # test_imports tries both


def list_of(person, text="", name="Customers"):
    made = recipients.create_list(person.user_id, name)
    if text:
        recipients.import_csv(person.user_id, made.id, text)
    return made.id


def upload(person, list_id, content: bytes | str, *, name="people.csv", htmx=False):
    content = content.encode() if isinstance(content, str) else content
    data = {"file": (io.BytesIO(content), name)}
    return person.post(f"/lists/{list_id}/import", data, htmx=htmx, content_type="multipart/form-data")


def uploaded(person, list_id, content=CSV) -> str:
    """The address of the preview."""
    answer = upload(person, list_id, content)
    assert answer.status_code == 303
    return answer.location


def on_list(person, list_id) -> dict[str, dict]:
    rows = recipients.list_recipients(person.user_id, list_id, limit=1000)
    return {row.email: recipients.values(row.fields) for row in rows}


def test_an_upload_is_shown_before_anything_is_imported(alice):
    list_id = list_of(alice)
    url = uploaded(alice, list_id)
    assert re.fullmatch(r"/imports/\d+", url)
    page = alice.get(url).text
    assert "people.csv" in page
    assert "All 2 rows can be imported." in page
    assert 'value="first_name"' in page
    assert "New York" in page
    assert on_list(alice, list_id) == {}


def test_what_was_looked_over_is_imported_with_its_consent(alice):
    list_id = list_of(alice)
    url = uploaded(alice, list_id)
    answer = alice.post(url, {**AGREED, "words": "newsletter form"})
    assert (answer.status_code, answer.location) == (303, url)
    page = alice.get(url).text
    assert "<dt>Added</dt><dd>2</dd>" in page
    assert "They signed up with a form: newsletter form" in page
    assert "31 January 2026" in page
    assert on_list(alice, list_id)["ada@example.com"] == {"first_name": "Ada", "city": "London"}


def test_columns_are_corrected(alice):
    list_id = list_of(alice)
    url = uploaded(alice, list_id, "Mail,Other,Who,Shoe\nno,ada@example.com,Ada,39\nno,grace@example.com,Grace,\n")
    chosen = {"use-0": "skip", "use-1": "address", "use-2": "field", "name-2": "First name", "use-3": "skip"}
    shown = alice.post(url, {**AGREED, **chosen, "action": "look"}, htmx=True)
    assert shown.status_code == 200
    assert "All 2 rows can be imported." in shown.text
    assert "<th>first_name</th>" in shown.text
    assert alice.post(url, {**AGREED, **chosen}).status_code == 303
    assert on_list(alice, list_id) == {
        "ada@example.com": {"first_name": "Ada"},
        "grace@example.com": {"first_name": "Grace"},
    }


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"use-0": "skip"}, "Choose the one column that holds the e-mail addresses."),
        ({"use-1": "address"}, "Choose the one column that holds the e-mail addresses."),
        ({"name-1": "city"}, "Two columns are called city."),
        ({"name-1": "!"}, "Column 2 needs a name"),
        ({"name-1": "E-Mail", "name-2": "email"}, "Column 3 cannot be called email"),
    ],
)
def test_columns_that_cannot_be_are_refused_in_words(alice, chosen, words):
    list_id = list_of(alice)
    answer = alice.post(uploaded(alice, list_id), {**AGREED, **chosen}, htmx=True)
    assert answer.status_code == 422
    assert words in answer.text
    assert on_list(alice, list_id) == {}


def test_the_first_row_can_be_declared_a_row(alice):
    list_id = list_of(alice)
    url = uploaded(alice, list_id, "Name,Contact\nAda,ada@example.com\n")
    shown = alice.post(url, {"action": "look", "titled": "True"}, htmx=True).text
    assert "Column 1" in shown
    assert "Of 2 rows, 1 can be imported and 1 would be refused." in shown
    assert alice.post(url, AGREED_BARE).status_code == 303
    assert on_list(alice, list_id) == {"ada@example.com": {"column_1": "Ada"}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"consent": ""}, "Say how these people agreed"),
        ({"consent": "guessed"}, "Say how these people agreed"),
        ({"consent": "other"}, "Say it in a few words."),
        ({"on": ""}, "Choose the day"),
        ({"on": "2999-01-01"}, "still to come"),
        ({"words": "x" * 301}, "At most 300 characters"),
    ],
)
def test_nobody_is_imported_without_consent(alice, change, words):
    list_id = list_of(alice)
    answer = alice.post(uploaded(alice, list_id), {**AGREED, **change})
    assert answer.status_code == 422
    assert words in answer.text
    assert on_list(alice, list_id) == {}


@pytest.mark.parametrize("htmx", [False, True])
def test_pasted_rows_go_the_same_way(alice, htmx):
    list_id = list_of(alice)
    rows = "ada@example.com\nnot an address\ngrace@example.com\n"
    answer = alice.post(f"/lists/{list_id}/import", {"rows": rows}, htmx=htmx)
    assert answer.status_code == (204 if htmx else 303)
    url = answer.headers["HX-Redirect"] if htmx else answer.location
    assert "Pasted rows" in alice.get(url).text
    alice.post(url, AGREED_BARE)
    assert list(on_list(alice, list_id)) == ["ada@example.com", "grace@example.com"]


def test_refused_rows_are_shown_and_downloaded_all_of_them(alice):
    list_id = list_of(alice)
    rows = "email,name\n" + "".join(f"=nobody{n},<b>Bob</b>\n" for n in range(25)) + "ada@example.com,Ada\n"
    url = uploaded(alice, list_id, rows)
    alice.post(url, AGREED)
    page = alice.get(url).text
    assert "25 rows could not be taken" in page
    assert "=nobody0, &lt;b&gt;Bob&lt;/b&gt;" in page
    assert "=nobody24" not in page
    answer = alice.get(f"{url}/refused.csv")
    assert answer.mimetype == "text/csv"
    lines = answer.data.decode("utf-8-sig").splitlines()
    assert lines[0] == "line,reason,original"
    assert len(lines) == 26
    assert lines[25].startswith("26,")
    assert lines[25].endswith('"\'=nobody24, <b>Bob</b>"')


@pytest.mark.parametrize("htmx", [False, True])
def test_rows_without_addresses_are_refused_and_stay_in_the_form(alice, htmx):
    list_id = list_of(alice)
    answer = alice.post(f"/lists/{list_id}/import", {"rows": "name,city\nAda,London\n"}, htmx=htmx)
    assert answer.status_code == 422
    assert "No column with e-mail addresses found. The columns are: name, city." in answer.text
    assert "name,city\nAda,London" in answer.text.replace("\r\n", "\n")


def test_a_file_without_addresses_is_refused_beside_the_field_and_not_kept(alice):
    list_id = list_of(alice)
    answer = upload(alice, list_id, "name,city\nAda,London\n", htmx=True)
    assert answer.status_code == 422
    assert 'id="file-error"' in answer.text
    assert "No column with e-mail addresses found." in answer.text
    assert uploads.of_list(alice.user_id, list_id) == []


def test_a_form_without_file_says_so(alice):
    list_id = list_of(alice)
    answer = alice.post(f"/lists/{list_id}/import", {"csrf_token": alice.token()}, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "Choose a file." in answer.text


def test_a_file_that_is_too_large_is_refused_in_place(app, alice):
    list_id = list_of(alice)
    app.config["MAX_CONTENT_LENGTH"] = 51_200
    answer = upload(alice, list_id, b"email\n" + b"x" * 60_000)
    assert answer.status_code == 413
    assert "This is larger than 50 kB." in answer.text
    assert 'id="file-error"' in answer.text
    answer = upload(alice, list_id, b"email\n" + b"x" * 60_000, htmx=True)
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (422, "#upload-form")
    assert "This is larger than 50 kB." in answer.text
    assert answer.text.lstrip().startswith("<form")


def test_a_stranger_with_a_large_file_learns_nothing(app, visitor, alice):
    list_id = list_of(alice)
    app.config["MAX_CONTENT_LENGTH"] = 51_200
    answer = upload(visitor, list_id, b"x" * 60_000)
    assert (answer.status_code, answer.location.split("?")[0]) == (303, "/login")


def large(alice) -> tuple[int, str]:
    """An import that waits for a worker."""
    list_id = list_of(alice)
    url = uploaded(alice, list_id, "email\n" + "".join(f"somebody-{n:06}@example.com\n" for n in range(12_000)))
    alice.post(url, AGREED)
    return list_id, url


def test_a_large_file_waits_for_the_workers_and_shows_how_far_it_is(alice):
    list_id, url = large(alice)
    page = alice.get(url).text
    assert "No worker is running." in page
    assert f'hx-get="{url}/progress"' in page
    import_id = int(url.rsplit("/")[-1])
    steps = run.run(import_id)
    next(steps)
    fragment = alice.get(f"{url}/progress", htmx=True).text
    assert "10,000 rows read" in fragment
    assert list(steps)
    over = alice.get(f"{url}/progress", htmx=True)
    assert (over.status_code, over.headers["HX-Refresh"]) == (204, "true")
    assert "<dt>Added</dt><dd>12,000</dd>" in alice.get(url).text
    assert recipients.get_list(alice.user_id, list_id).size == 12_000


def test_an_import_is_stopped_and_says_what_stays(alice):
    list_id, url = large(alice)
    steps = run.run(int(url.rsplit("/")[-1]))
    next(steps)
    assert alice.post(f"{url}/cancel").status_code == 303
    assert list(steps) == []
    page = alice.get(url).text
    assert "What was read until then is on the list." in page
    assert "<dt>Added</dt><dd>10,000</dd>" in page
    assert recipients.get_list(alice.user_id, list_id).size == 10_000


def test_a_file_is_deleted_before_it_is_imported(alice):
    list_id = list_of(alice)
    url = uploaded(alice, list_id)
    answer = alice.post(f"{url}/delete")
    assert (answer.status_code, answer.location) == (303, f"/lists/{list_id}/import")
    assert alice.get(url).status_code == 404


def test_what_began_is_not_begun_again(alice):
    list_id = list_of(alice)
    url = uploaded(alice, list_id)
    alice.post(url, AGREED)
    for change in ("", "/cancel", "/delete"):
        assert alice.post(url + change, AGREED).status_code == 303
    assert len(on_list(alice, list_id)) == 2


def test_earlier_imports_are_listed(alice):
    list_id = list_of(alice)
    url = uploaded(alice, list_id)
    page = alice.get(f"/lists/{list_id}/import").text
    assert f'href="{url}"' in page
    assert "Not imported" in page


def test_the_second_import_says_what_was_there(alice):
    list_id = list_of(alice, CSV)
    url = uploaded(alice, list_id, CSV.replace("London", "Paris") + "new@example.com,New,Oslo\n")
    alice.post(url, AGREED)
    page = alice.get(url).text
    for name, count in (("Added", 1), ("Updated", 1), ("There already", 1), ("Refused", 0)):
        assert f"<dt>{name}</dt><dd>{count}<" in page


def test_the_result_is_shown_after_the_list_was_deleted(alice):
    list_id = list_of(alice)
    url = uploaded(alice, list_id)
    alice.post(url, AGREED)
    recipients.delete_list(alice.user_id, list_id)
    assert alice.get(url).status_code == 200
