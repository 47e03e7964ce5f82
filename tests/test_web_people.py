import csv
import json
from io import StringIO

import pytest

from blaster import db, recipients
from blaster.db import crm_db
from blaster.lists import dossier, people, work
from blaster.models.archive import CampaignArchive
from blaster.models.crm_db import Mail, Suppression
from tests.test_web_decisions import in_doubt, refused
from tests.test_web_lists import addresses, list_of


@pytest.fixture
def engine():
    """What differs between engines is tested where the rows are."""
    return "sqlite"


def person_of(person, list_id: int):
    return recipients.list_recipients(person.user_id, list_id)[0]


def cells(answer) -> list[list[str]]:
    assert answer.mimetype == "text/csv"
    return list(csv.reader(StringIO(answer.data.decode("utf-8-sig"))))


def test_people_are_searched_across_lists(alice):
    list_of(alice)
    list_of(alice, "Others", "ada@example.com\n")
    page = alice.get("/people?search=ADA").text
    assert page.count("ada@example.com") == 1
    assert "grace@example.com" not in page
    assert "No address contains “%&lt;”" in alice.get("/people?search=%25<").text


def test_somebody_on_no_list_is_found_by_the_whole_address(alice):
    with db.session(crm_db):
        values = {"email": "gone@example.com", "email_key": "gone@example.com", "reason": "hard"}
        Suppression.create(user_id=alice.user_id, **values)
    assert alice.get("/people?search=GONE@example.com").location.startswith("/people/known?email=")
    page = alice.get("/people/known?email=gone@example.com").text
    assert "No mail goes to this address" in page
    assert "Nothing is known" in alice.get("/people/known?email=nobody@example.com").text
    assert alice.get("/people/known?email=nobody").location == "/people?search=nobody"


def test_the_page_of_a_person_tells_lists_and_campaigns(alice):
    campaign_id = refused(alice, "hard")
    page = alice.get("/people/known?email=reader0@example.com").text
    assert "Readers" in page
    assert "5.1.1 No such user" in page
    assert f"/campaigns/{campaign_id}/recipients?search=reader0" in page


def test_a_person_is_added_edited_and_removed(alice):
    list_id = list_of(alice)
    answer = alice.post(f"/lists/{list_id}/add", {"email": "Mary@Example.com", "value_first_name": "Mary"})
    assert (answer.status_code, answer.location) == (303, f"/lists/{list_id}")
    mary = people.search(alice.user_id, "mary")[0].recipient_id
    assert 'value="Mary"' in alice.get(f"/recipients/{mary}/edit").text
    form = {"email": "mary@example.com", "value_first_name": "Maria", "value_city": "two\r\nlines"}
    answer = alice.post(f"/recipients/{mary}/edit", form, htmx=True)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, f"/recipients/{mary}")
    row = people.get(alice.user_id, mary)
    assert recipients.values(row.fields) == {"first_name": "Maria", "city": "two\nlines"}
    assert "<textarea" in alice.get(f"/recipients/{mary}/edit").text
    assert f"/lists/{list_id}/recipients/{mary}/remove" in alice.get(f"/recipients/{mary}").text


@pytest.mark.parametrize("htmx", [False, True])
def test_an_address_that_is_there_is_refused_beside_the_field(alice, htmx):
    list_id = list_of(alice)
    answer = alice.post(f"/lists/{list_id}/add", {"email": "ADA@example.com", "value_city": "Bath"}, htmx=htmx)
    assert answer.status_code == 422
    assert 'id="email-error"' in answer.text
    assert 'value="Bath"' in answer.text
    assert answer.text.lstrip().startswith("<form" if htmx else "<!doctype")


@pytest.mark.parametrize("name", ["data", "errors", "validate", "meta", "_fields"])
def test_a_merge_field_may_be_called_like_a_part_of_the_form(alice, name):
    list_id = list_of(alice, text=f"email,{name}\nada@example.com,x\n")
    ada = person_of(alice, list_id)
    (stored,) = recipients.values(ada.fields)
    alice.post(f"/recipients/{ada.id}/edit", {"email": ada.email, f"value_{stored}": "y"})
    assert recipients.values(people.get(alice.user_id, ada.id).fields) == {stored: "y"}


def test_all_that_is_known_is_a_file(alice):
    refused(alice, "hard")
    answer = alice.post("/people/export", {"email": "reader0@example.com"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="reader0@example.com.json"'
    known = json.loads(answer.data)
    assert [mail["state"] for mail in known["mails"]] == ["failed"]


def test_a_person_is_erased_and_does_not_come_back(alice):
    campaign_id = refused(alice, "hard", "soft")
    answer = alice.post("/people/erase", {"email": "reader0@example.com"})
    assert (answer.status_code, answer.location) == (303, "/people")
    ledger = alice.get(f"/campaigns/{campaign_id}/recipients").text
    assert "[erased]" in ledger
    assert "reader0" not in ledger
    assert "was erased" in alice.get("/people/known?email=reader0@example.com").text
    list_id = recipients.list_lists(alice.user_id)[0].id
    assert "was erased" in alice.post(f"/lists/{list_id}/add", {"email": "reader0@example.com"}).text


def test_what_cannot_be_erased_yet_says_so(alice):
    from tests.test_web_decisions import sending

    sending(alice, 1)
    answer = alice.post("/people/erase", {"email": "reader0@example.com"})
    assert answer.status_code == 303
    assert "on its way" in alice.get("/people").text
    assert alice.post("/people/erase", {"email": "nobody"}).status_code == 422


def test_nobody_exports_or_erases_for_somebody_else(alice, bob):
    list_id = list_of(alice)
    assert json.loads(bob.post("/people/export", {"email": "ada@example.com"}).data)["lists"] == []
    bob.post("/people/erase", {"email": "ada@example.com"})
    assert addresses(alice, list_id) == ["ada@example.com", "grace@example.com"]
    assert "ada@example.com" not in bob.get("/people").text


def test_fields_are_added_renamed_and_deleted(alice):
    list_id = list_of(alice)
    for url, form in (
        ("add", {"name": "age"}),
        ("rename", {"old": "first_name", "name": "name"}),
        ("delete", {"old": "city"}),
    ):
        answer = alice.post(f"/lists/{list_id}/fields/{url}", form)
        assert (answer.status_code, answer.location) == (303, f"/lists/{list_id}/settings")
    assert recipients.field_names(recipients.get_list(alice.user_id, list_id)) == ["name", "age"]
    assert recipients.values(person_of(alice, list_id).fields) == {"name": "Ada"}


@pytest.mark.parametrize(
    ("url", "form", "words"),
    [
        ("fields/add", {"name": "a b"}, "letters, digits"),
        ("fields/rename", {"old": "city", "name": ""}, "Give the field another name"),
        ("fields/rename", {"old": "city", "name": "first_name"}, "already"),
        ("copy", {"name": ""}, "up to 120"),
    ],
)
def test_what_a_list_cannot_take_is_said_on_its_settings(alice, url, form, words):
    list_id = list_of(alice)
    answer = alice.post(f"/lists/{list_id}/{url}", form)
    assert answer.location == f"/lists/{list_id}/settings"
    assert words in alice.get(answer.location).text


def test_a_list_is_copied_and_merged(alice):
    list_id, other = list_of(alice), list_of(alice, "Others", "mary@example.com\n")
    copied = int(alice.post(f"/lists/{list_id}/copy", {"name": "Copy"}).location.rpartition("/")[2])
    assert addresses(alice, copied) == addresses(alice, list_id)
    assert alice.post(f"/lists/{list_id}/merge", {"target_id": other}).location == f"/lists/{other}"
    assert len(addresses(alice, other)) == 3
    assert "2 recipients copied" in alice.get(f"/lists/{other}").text


def test_nobody_merges_into_a_strangers_list(alice, bob):
    hers, his = list_of(alice), list_of(bob, "His", "mary@example.com\n")
    assert bob.post(f"/lists/{his}/merge", {"target_id": hers}).status_code == 404
    assert len(addresses(alice, hers)) == 2


def test_long_work_goes_on_from_page_to_page(alice, monkeypatch):
    monkeypatch.setattr(work, "CHUNK", 1)
    list_id = list_of(alice)
    begun = work.copy(alice.user_id, list_id, "Copy")
    work.go_on(alice.user_id, begun.id, 0)
    assert "1 of 2" in alice.get(f"/lists/{list_id}").text
    page = alice.get(f"/lists/work/{begun.id}").text
    assert 'hx-trigger="load' in page
    assert 'value="1" max="2"' in page
    answer = alice.post(f"/lists/work/{begun.id}/go-on", htmx=True)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, f"/lists/{begun.target_id}")
    assert alice.get(f"/lists/work/{begun.id}").location == f"/lists/{begun.target_id}"
    assert addresses(alice, begun.target_id) == addresses(alice, list_id)


def test_a_list_is_exported(alice):
    list_id = list_of(alice, text="email,city\nada@example.com,=1+1\n")
    answer = alice.get(f"/lists/{list_id}/export.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Customers.csv"'
    assert cells(answer) == [["email", "city"], ["ada@example.com", "'=1+1"]]


def test_the_ledger_shows_filters_and_exports(alice):
    campaign_id = refused(alice, "hard", "soft")
    url = f"/campaigns/{campaign_id}/recipients"
    page = alice.get(url).text
    assert "5.1.1 No such user" in page
    assert "Mailbox &lt;full&gt;" in page
    assert f'href="{url}"' in alice.get(f"/campaigns/{campaign_id}").text
    for choice in ("reason=soft", "state=failed&reason=soft", "search=reader1"):
        page = alice.get(f"{url}?{choice}").text
        assert "reader1@" in page
        assert "reader0@" not in page
    assert "No such mail" in alice.get(f"{url}?state=sent").text
    rows = cells(alice.get(f"{url}.csv?reason=hard"))
    assert [row[:2] + row[5:7] for row in rows[1:]] == [["reader0@example.com", "failed", "hard", "550"]]
    assert len(cells(alice.get(f"{url}.csv"))) == 3


def test_the_ledger_is_paged(alice):
    campaign_id = in_doubt(alice, 60)
    for choice in ("?", "?state=unknown&", "?search=reader&"):
        url = f"/campaigns/{campaign_id}/recipients{choice}"
        first = alice.get(url).text
        assert first.count('class="address"') == 50
        after = first.partition("after=")[2].partition('"')[0].partition("&amp;")[0]
        assert alice.get(f"{url}after={after}").text.count('class="address"') == 10
    assert "No more mails" in alice.get(f"/campaigns/{campaign_id}/recipients?after=999999999").text


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("page", ["recipients", "breakdown", "failed", "unknown"])
def test_the_pages_of_an_archived_campaign_say_where_its_mails_are(alice, page):
    campaign_id = refused(alice, "hard")
    url = f"/campaigns/{campaign_id}/{page}"
    assert "was archived" not in alice.get(url).text
    with db.session(crm_db):
        of = {"campaign_id": campaign_id, "user_id": alice.user_id}
        CampaignArchive.create(host="here", file="campaign.csv.gz", began_at=1_780_000_000_000, **of)
        Mail.delete().where(Mail.campaign_id == campaign_id).execute()
    page = alice.get(url).text
    assert "This campaign was archived." in page
    assert 'class="empty"' not in page


def test_drafts_have_no_ledger(alice):
    from tests.test_web_campaigns import draft_of

    draft = draft_of(alice)
    assert alice.get(f"/campaigns/{draft}/recipients").location == f"/campaigns/{draft}"
    assert alice.get(f"/campaigns/{draft}/recipients.csv").location == f"/campaigns/{draft}"


def test_consent_is_shown(alice):
    list_id = list_of(alice)
    known = dossier.of(alice.user_id, "ada@example.com")
    assert known.entries[0].consent is None
    assert "Not on record" in alice.get(f"/recipients/{person_of(alice, list_id).id}").text
