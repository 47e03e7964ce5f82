import pytest

from blaster import recipients

CSV = "email,First name,city\nada@example.com,Ada,London\ngrace@example.com,Grace,New York\n"


def list_of(person, name="Customers", text=CSV):
    made = recipients.create_list(person.user_id, name)
    if text:
        recipients.import_csv(person.user_id, made.id, text)
    return made.id


def addresses(person, list_id) -> list[str]:
    return [row.email for row in recipients.list_recipients(person.user_id, list_id, limit=1000)]


def test_without_lists_the_page_leads_on(alice):
    page = alice.get("/lists").text
    assert "No lists yet" in page
    assert 'href="/lists/new"' in page


def test_a_new_list_leads_to_its_import(alice):
    answer = alice.post("/lists/new", {"name": "Customers"})
    (made,) = recipients.list_lists(alice.user_id)
    assert (answer.status_code, answer.location) == (303, f"/lists/{made.id}/import")
    answer = alice.post("/lists/new", {"name": "Newsletter"}, htmx=True)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["HX-Redirect"].endswith("/import")


@pytest.mark.parametrize("htmx", [False, True])
def test_a_name_that_is_refused_stays_in_the_form(alice, htmx):
    answer = alice.post("/lists/new", {"name": "x" * 121}, htmx=htmx)
    assert answer.status_code == 422
    assert f'value="{"x" * 121}"' in answer.text
    assert "up to 120 characters" in answer.text
    assert answer.text.lstrip().startswith("<form" if htmx else "<!doctype")


def test_lists_show_their_size_and_fields(alice):
    list_of(alice)
    page = alice.get("/lists").text
    assert "first_name, city" in page
    assert '<td class="number" data-label="Recipients">2</td>' in page


def test_the_list_is_paged_by_id(alice):
    list_id = list_of(alice, text="\n".join(f"p{n:03}@example.com" for n in range(120)))
    first = alice.get(f"/lists/{list_id}").text
    assert "p049@example.com" in first
    assert "p050@example.com" not in first
    last_of_first = recipients.list_recipients(alice.user_id, list_id, limit=50)[-1].id
    assert f"?after={last_of_first}" in first
    second = alice.get(f"/lists/{list_id}?after={last_of_first}").text
    assert "p049@example.com" not in second
    assert "p050@example.com" in second
    assert "p099@example.com" in second
    assert "First page" in second


def test_the_search_finds_a_part_of_the_address(alice):
    list_id = list_of(alice)
    page = alice.get(f"/lists/{list_id}?q=GRACE").text
    assert "grace@example.com" in page
    assert "ada@example.com" not in page
    assert "No address contains “%&lt;”" in alice.get(f"/lists/{list_id}?q=%25<").text


def test_a_recipient_is_removed_and_the_page_stays(alice):
    list_id = list_of(alice)
    ada = recipients.list_recipients(alice.user_id, list_id)[0]
    answer = alice.post(f"/lists/{list_id}/recipients/{ada.id}/remove", {"q": "ada", "after": ""})
    assert (answer.status_code, answer.location) == (303, f"/lists/{list_id}?q=ada")
    assert addresses(alice, list_id) == ["grace@example.com"]


def test_a_list_is_renamed(alice):
    list_id = list_of(alice)
    assert 'value="Customers"' in alice.get(f"/lists/{list_id}/rename").text
    answer = alice.post(f"/lists/{list_id}/rename", {"name": "Old customers"})
    assert (answer.status_code, answer.location) == (303, f"/lists/{list_id}")
    assert recipients.get_list(alice.user_id, list_id).name == "Old customers"


def test_a_list_is_deleted(alice):
    list_id = list_of(alice)
    assert alice.post(f"/lists/{list_id}/delete").location == "/lists"
    assert recipients.list_lists(alice.user_id) == []


@pytest.mark.parametrize("url", ["", "/import", "/rename"])
def test_a_strangers_list_is_not_found(alice, bob, url):
    list_id = list_of(alice)
    assert alice.get(f"/lists/{list_id}{url}").status_code == 200
    assert bob.get(f"/lists/{list_id}{url}").status_code == 404
    assert bob.get(f"/lists/{list_id}{url}", htmx=True).status_code == 404


@pytest.mark.parametrize("url", ["/import", "/rename", "/delete", "/recipients/{recipient}/remove"])
def test_nobody_changes_a_strangers_list(alice, bob, url):
    list_id = list_of(alice)
    recipient = recipients.list_recipients(alice.user_id, list_id)[0].id
    form = {"name": "Mine now", "rows": "evil@example.com"}
    answer = bob.post(f"/lists/{list_id}{url.format(recipient=recipient)}", form)
    assert answer.status_code == 404
    assert recipients.get_list(alice.user_id, list_id).name == "Customers"
    assert addresses(alice, list_id) == ["ada@example.com", "grace@example.com"]


@pytest.mark.parametrize("url", ["/delete", "/recipients/1/remove"])
def test_it_rejects_get_where_something_changes(alice, url):
    assert alice.get(f"/lists/{list_of(alice)}{url}").status_code == 405
