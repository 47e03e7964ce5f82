"""Advice about a message before its start."""

import pytest

from blaster.mail import check
from tests.test_hostile_templates import spent

GOOD = (
    '<p>Hi {{ first_name }}, <a href="https://example.com/a?b={{ id }}">see</a> <a href="{{ url }}">this</a></p>'
    '<img src="https://example.com/x.png" alt="" width="10"><a id="top"></a><a href="#top">up</a>'
    '<a href="mailto:a@example.com">mail</a><p>{{ postal_address }} <a href="{{ unsubscribe_url }}">bye</a></p>'
)


def names(html=GOOD, text="", subject="Hello"):
    return [warning.name for warning in check.look(html, text, subject)]


def test_there_is_nothing_to_say_about_a_good_message():
    assert names() == []
    assert names(html="", text="Hi\n{{ postal_address }} {{ unsubscribe_url }}") == []
    assert names(html="", text="", subject="") == []


@pytest.mark.parametrize(
    ("added", "name"),
    [
        ('<a href="http://example.com">x</a>', "no-https"),
        ('<a href="www.example.com">x</a>', "no-https"),
        ('<a href="/shop">x</a>', "no-https"),
        ('<a href="javascript:go()">x</a>', "no-https"),
        ('<a href="">x</a>', "empty-links"),
        ('<a href="#">x</a>', "empty-links"),
        ("<a>x</a>", "empty-links"),
        ('<img src="https://example.com/x.png" width="1">', "no-alt"),
        ('<IMG SRC="https://example.com/x.png" ALT="x">', "no-width"),
        ('<img src="x.png" alt="x" width="1">', "picture-address"),
        ('<img src="data:image/png;base64,AA" alt="x" width="1">', "picture-address"),
        ("<form><input></form>", "stripped"),
        ("<script>x < 1</script>", "stripped"),
        ("<iframe src='https://example.com'></iframe>", "stripped"),
        ('<p onclick="x()">x</p>', "scripts"),
        ("<p>" + "x" * 100_001 + "</p>", "large"),
        ("<style>p:has(b){color:red}</style>", "not-inlined"),
    ],
)
def test_what_programs_do_not_show_is_named(added, name):
    assert names(html=GOOD + added) == [name]
    assert names(html=f"{GOOD}<!-- {added} -->") == (["large"] if name == "large" else [])


def test_links_of_the_footer_are_looked_for():
    assert names(html="<p>{{ postal_address }}") == ["no-unsubscribe"]
    assert names(html="<p>{{ unsubscribe_url }}") == ["no-address"]
    assert names(html="", text="Hi") == ["no-unsubscribe", "no-address"]
    assert names(html="<p>x <!-- {{ unsubscribe_url }}{{ postal_address }} -->") == ["no-unsubscribe", "no-address"]


def test_a_mail_of_pictures_only_has_no_text():
    picture = (
        '<a href="{{ unsubscribe_url }}"></a><img alt="" width="9" src="https://example.com/{{ postal_address }}">'
    )
    assert names(html=picture.replace("<a", "<b").replace("</a", "</b")) == ["no-text"]
    assert names(html=picture, text="words") == []


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("x" * 70, []),
        ("x" * 71, ["long-subject"]),
        ("{{ first_name | default: 'a very long default for somebody whose name is not known' }}, news", []),
        ("SALE TODAY", ["capitals"]),
        ("SALE FOR {{ first_name }}", ["capitals"]),
        ("NASA", []),
        ("2026: 50 %", []),
        ("日本語のお知らせ", []),
    ],
)
def test_subjects(subject, expected):
    assert names(subject=subject) == expected


def test_sentences_count_and_show_an_example():
    texts = [warning.text for warning in check.look(GOOD + "<a href='http://x.example/{{ a }}'>x</a>" * 2, "", "x")]
    assert texts == ["2 links begin without https://, such as http://x.example/…"]


@pytest.mark.parametrize("unit", ["{{", "<a ", "<!--", "<style>", "</", "<img alt='", "&#9", "<b>"])
def test_any_message_is_looked_at_in_one_pass(unit):
    spent(check.look, unit * (400_000 // len(unit)), "", unit * 100)
