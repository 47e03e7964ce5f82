"""Texts of a hostile user: bounded time and memory, no Python, no files, no headers of his own."""

import time

import pytest

from blaster.mail import merge, plain_text
from blaster.mail.merge import LimitError, MergeError, compile_text
from tests.test_compile import HEADERS, content, parse, render

# The bombs below take hours or gigabytes when a limit is missing, and a fraction of this with it.
CPU_SECONDS = 5.0

FIELDS = {"n": "1000000000000", "s": "a,&\n " * 26_000, "t": "a,&\n " * 300 + "b"}
BLANKS = " " * 400_000


def spent(work, *arguments):
    start = time.thread_time()
    try:
        work(*arguments)
    finally:
        assert time.thread_time() - start < CPU_SECONDS


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..1000000000000) reversed %}x{% endfor %}",
        "{% for i in (1..n) reversed %}x{% endfor %}",
        "{% for i in (1..1000000000000) offset: 999999999990 %}x{% endfor %}",
        "{% if (1..1000000000000) contains 'x' %}{% endif %}",
        "{% unless (1..n) contains 'x' %}{% endunless %}",
        "{% assign r = (1..n) %}{% if r contains 'x' %}{% endif %}",
        "{% capture c %}{% if true and (1..n) contains 'x' %}{% endif %}{% endcapture %}",
        "{% case (1..n) %}{% when 'x' %}{% endcase %}",
        "{{ x | default: (1..n) | join: ',' }}",
        "{% cycle (1..n), 'a' %}",
        "{{ (1..n) | slice: 0, 5 }}",
    ],
)
@pytest.mark.parametrize("html", [False, True])
def test_no_range_goes_further_than_a_loop(source, html):
    with pytest.raises(LimitError, match="range"):
        compile_text(source, html=html).render(FIELDS)


@pytest.mark.parametrize(
    "source",
    [
        "{{ s" + " | append: s" * 60 + " }}{% if x %}{% endif %}",
        "{% assign a = t %}" + "{% assign a = a | append: a | prepend: a %}" * 60,
        "{{ s" + " | escape" * 80 + " }}",
        "{{ s" + " | url_encode" * 60 + " }}",
        "{{ s | newline_to_br | newline_to_br | newline_to_br | newline_to_br | newline_to_br }}",
        "{{ s | split: '' | join: s }}",
        "{{ s | replace: 'a', s }}",
        "{% assign x = 99 %}" + "{% assign x = x | times: x %}" * 40,
        "{% for i in (1..10000) %}" + "{% if true %}{% endif %}" * 1_000 + "{% endfor %}",
        "{% for i in (1..10000) %}{% assign z = 'a' %}{% endfor %}" * 500,
        "{% for i in (1..100) %}{% for j in (1..100) %}{% if s contains t %}{% endif %}{% endfor %}{% endfor %}" * 50,
        "{% for i in (1..9999) %}{{ t | replace: 'q', 'w' | upcase | split: ',' | join: '' | size }}{% endfor %}" * 9,
        "{{ s | remove: '&' | split: 'x' | last }}" * 1_000,
    ],
)
def test_what_takes_too_much_is_ended(source):
    with pytest.raises(LimitError):
        spent(lambda: compile_text(source, html=False).render(FIELDS))


@pytest.mark.parametrize(
    "source",
    [
        "{{" * 200_000,
        "{%" * 200_000,
        "{% raw %}" * 50_000,
        "{% comment %}" * 4_000,
        "{{" + BLANKS + "}}",
        "{% if" + BLANKS + "%}",
        ("{% else" + " " * 39 + "%}") * 4_900,
        "{% if true %}" * 2_000 + "{% endif %}" * 2_000,
        "{{ a" + "[a" * 450 + " }}",
        "{% if " + "(" * 900 + " %}{% endif %}",
        "{{ a" + " | upcase" * 500 + " | x }}",
        "{% if a %}{% endif %}" * 3_000,
        "{% if a %}" + "x" * 500_000 + "{% endif %}",
        "{{ a }}" * 20_000,
        '{{ a | default: "' * 50_000,
        "{{ a" + " | upcase" * 100_000,
    ],
)
def test_no_source_is_looked_at_for_ever(source):
    with pytest.raises(MergeError):
        spent(lambda: compile_text(source, html=False))


def test_a_text_of_the_largest_size_compiles():
    block = "{% if a %}{{ b | upcase }}{% endif %}" + "x" * 262
    made = []
    spent(lambda: made.append(compile_text(block * 1_600, html=True)))
    assert made[0].names == {"a", "b"}


@pytest.mark.parametrize(
    "unit",
    "{{|{%|<|<a|<a |<a b=|<a b='|<a/ |</a|<!--|<!|<![CDATA[|<?|<meta |<script>|<title>|<a href='x'>|<div>|&|&#1".split(
        "|"
    ),
)
def test_the_text_of_any_html_is_found_in_one_pass(unit):
    spent(plain_text.from_html, unit * (400_000 // len(unit)))


@pytest.mark.parametrize("html", ["<meta" + " charset=" * 40_000, "<meta " * 60_000, "<p>&#" + "9" * 50_000 + ";</p>"])
def test_messages_of_any_html_are_compiled_in_one_pass(html):
    spent(render, content(html=html, text=""))


@pytest.mark.parametrize(
    "source",
    [
        "{{ s.__class__ }}{{ s['__class__'] }}{{ s.__class__.__mro__ | join: ',' }}",
        "{{ __builtins__ }}{{ self }}{{ __import__ }}{{ s.upper }}{{ s.format }}",
        "{% for i in (1..1) %}{{ forloop.__class__ }}{{ forloop.__init__ }}{{ i.__class__ }}{{ i.real }}{% endfor %}",
        "{% assign x = s | split: ',' %}{{ x.__class__ }}{{ x.append }}",
    ],
)
def test_nothing_of_python_can_be_seen(source):
    assert compile_text(source + "{% if x %}{% endif %}", html=False).render({"s": "text"}).strip() == ""


@pytest.mark.parametrize(
    "tag",
    [
        "{% include '/etc/passwd' %}",
        "{% render 'x' %}",
        "{% extends 'x' %}",
        "{% import os %}",
        "{% tablerow i in (1..9) %}{% endtablerow %}",
        "{% liquid assign x = 1 %}",
        "{{ x | json }}",
        "{{ x | safe }}",
        "{{ x | map: '__class__' }}",
        "{{ x | where: 'a' }}",
    ],
)
def test_tags_and_filters_beyond_the_list_do_not_exist(tag):
    with pytest.raises(MergeError):
        compile_text(tag, html=False)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 99999999999999 | date: '%Y' }}",
        "{{ '1e400' | ceil }}",
        "{{ 'nan' | floor }}",
        "{{ s | date: '%Y' }}",
        "{{ 'now' | date: s }}",
        "{{ 1 | modulo: 0 }}",
        "{{ -1 | slice: 1, x }}{% for i in s limit: s %}{% endfor %}",
    ],
)
def test_what_cannot_be_computed_is_said(source):
    with pytest.raises(MergeError):
        compile_text(source, html=False).render(FIELDS)


INJECTIONS = (
    "x\r\nBcc: evil@example.com",
    "x\nBcc: e@example.com\n\nbody",
    "x\x00\x0b\x0c\x1c\x85\u2028Bcc: e@example.com",
)


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize("template", ["{{ v }}", "{% if v %}{{ v }}{% endif %}", "{{ v | default: 'x' | upcase }}"])
def test_no_value_and_no_template_begins_a_header(value, template):
    message = content(subject=template, sender_name=template, text=template, html="")
    data = render(message, fields={"v": value, "name": value}, extra_headers=[("X-Note", template)])
    assert parse(data).keys() == [*HEADERS[:5], "X-Note", *HEADERS[5:], "Content-Transfer-Encoding"]
    assert parse(data)["Bcc"] is None and b"\r\nBcc" not in data.split(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "source", ["{{ 'a' | append: '\\r\\nBcc: e@x.example' | newline_to_br }}", "{% assign b = s %}{{ b }}"]
)
def test_line_breaks_that_a_template_makes_stay_in_their_header(source):
    data = render(content(subject=source, html="", text="x"), fields={"s": "a\r\nBcc: evil@example.com"})
    assert parse(data)["Bcc"] is None


def test_many_long_values_do_not_make_a_mail_without_end():
    with pytest.raises(MergeError, match="longer"):
        render(content(html="", text="{{ v }}" * 1_000), fields={"v": "v" * 100_000})
    with pytest.raises(MergeError, match="longer"):
        render(content(subject="{{ v }}"), fields={"v": "v" * 100_000})


def test_a_limit_is_told_from_a_mistake():
    assert issubclass(LimitError, MergeError)
    with pytest.raises(MergeError) as mistake:
        compile_text("{{ a b }}", html=False)
    assert not isinstance(mistake.value, merge.LimitError)
