"""Links and footers as they stand in mails. Pure."""

import email
import email.policy

import pytest

from blaster.mail import footer, unsubscribe
from blaster.mail.compile import Content, compile_message
from blaster.mail.unsubscribe import Ticket

KEY = b"a key of the tests"
BASE = "https://mail.example.com"
WHO = ("Alder Street Bakery & Sons", "12 Alder Street\nLondon N1")
LARGEST = (2**32 - 1, 2**40 - 1, 2**48 - 1)


def message(html="<p>Hi</p>", text="", **fields):
    content = Content(5, 7, 3, "Hi", "", "", "", html, text, *WHO)
    skeleton = compile_message(content, message_key=KEY, public_url=BASE)
    data = skeleton.render(
        row_id=99, email="zoe@example.net", fields={"email": "zoe@example.net", **fields}, from_address="a@b.org", now=0
    )
    return data, email.message_from_bytes(data, policy=email.policy.default)


def link(row_id=99):
    return unsubscribe.Links(KEY, BASE, 7, 5).url(row_id)


@pytest.mark.parametrize("ids", [(7, 5, 99), (1, 1, 1), LARGEST])
def test_a_token_leads_back_to_its_mail(ids):
    token = unsubscribe.Links(KEY, BASE, *ids[:2]).token(ids[2])
    assert unsubscribe.read(token, KEY) == Ticket(*ids)


def test_no_other_token_does():
    token = link().rpartition("/")[2]
    other = {at: token[:at] + ("B" if token[at] == "A" else "A") + token[at + 1 :] for at in range(len(token))}
    foreign = unsubscribe.Links(b"another key", BASE, 7, 5).token(99)
    wrong = [*other.values(), foreign, token[:-1], token + "A", "", "é" * len(token), "=" * len(token), token + "\n"]
    assert [each for each in wrong if unsubscribe.read(each, KEY)] == []


def test_both_headers_are_there_once_and_name_nobody():
    data, mail = message()
    assert mail.get_all("List-Unsubscribe") == [f"<{link()}>"]
    assert mail.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    assert data.count(b"zoe") == 1  # in the To line


def test_values_of_a_recipient_do_not_replace_the_link():
    _, mail = message(html='<a href="{{ unsubscribe_url }}">x</a>', unsubscribe_url="https://evil.example")
    assert "evil" not in mail.as_string()


def test_what_is_missing_stands_in_the_footer_of_both_parts():
    _, mail = message(html="<html><body><p>Hi</p></body></html>")
    html, text = (mail.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("html", "plain"))
    assert html.index("Bakery &amp; Sons<br>12 Alder Street<br>London N1") < html.index("</body>")
    assert f'<a href="{link()}"' in html
    assert "Bakery & Sons\n12 Alder Street\nLondon N1\n" in text and link() in text


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("Hi", ["Alder Street Bakery & Sons", "12 Alder Street", "London N1", f"Unsubscribe: {link()}"]),
        ("Bye: {{ unsubscribe_url }}", ["Alder Street Bakery & Sons", "12 Alder Street", "London N1"]),
        ("{{organisation}}, {{ postal_address }}", [f"Unsubscribe: {link()}"]),
        ("{{ postal_address | upcase }} {{ unsubscribe_url }}", []),
    ],
)
def test_a_text_gets_only_what_it_lacks(text, added):
    _, mail = message(html="", text=text)
    _, mark, found = mail.get_content().replace("\r\n", "\n").partition("\n\n--\n")
    assert found.splitlines() == added and bool(mark) == bool(added)


def test_what_stands_in_a_comment_is_not_seen():
    assert "Unsubscribe" in footer.to_html("<!-- {{ unsubscribe_url }} {{ postal_address }} --><p>Hi</p>", *WHO)


def test_without_an_address_of_the_installation_there_are_no_links():
    skeleton = compile_message(Content(5, 7, 3, "Hi", "", "", "", "<p>Hi</p>", ""), message_key=KEY)
    data = skeleton.render(row_id=9, email="zoe@example.net", fields={}, from_address="a@b.org", now=0)
    assert b"nsubscribe" not in data
