"""Style sheets in elements: what is added, what stays, what is left alone."""

import re
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blaster.mail import styles
from blaster.mail.styles import NotInlined, inlined
from tests.test_compile import bodies, content, render
from tests.test_hostile_templates import spent


def test_rules_become_attributes_and_the_sheet_stays():
    sheet = "<style>p { color: red } .big { font-size: 20px } @media (max-width: 9px) { p { color: blue } }</style>"
    html = sheet + '<p>a</p><P CLASS="big" id=x>b</P>'
    assert inlined(html) == sheet + (
        '<p style="color: red;">a</p><P style="color: red;font-size: 20px;" CLASS="big" id=x>b</P>'
    )


def test_the_authors_own_style_comes_last_and_as_it_was_written():
    html = """<style>p{color:red;margin:0}</style><p class="x"style='color : "blue"' >a</p><p style=top:1px>b</p>"""
    assert inlined(html).partition("</style>")[2] == (
        """<p class="x" style='color: red;margin: 0;color : "blue"' >a</p>"""
        """<p style="color: red;margin: 0;top:1px">b</p>"""
    )


TABLE = '<table>{% for i in items %}<tr><td class="c">{{ i | default: "<b>" }}</td></tr>{% endfor %}</table>'


def test_merge_tags_survive_wherever_they_are():
    sheet = "<style>.c { width: {{ w | default: '5' }}px } a { color: {{ c }} }</style>"
    rest = """{% if a < b and c == "x" %}<a href="{{ u | default: '"' }}" style="top:{{ t }}">{{ n }}</a>{% endif %}"""
    got = inlined(sheet + TABLE + rest)
    assert got.startswith(sheet)
    assert """<td style="width: {{ w | default: '5' }}px;" class="c">{{ i | default: "<b>" }}</td>""" in got
    assert """style="color: {{ c }};top:{{ t }}">{{ n }}</a>{% endif %}""" in got
    assert re.sub(r' style="width[^"]*"|color: [^;"]*;(?=top)', "", got) == sheet + TABLE + rest


def test_a_sheet_that_a_merge_tag_decides_about_stays_a_sheet():
    html = "<style>{% if dark %}p{color:white}{% endif %}</style><style>p{margin:0}</style><p>x</p>"
    assert inlined(html) == html.replace("<p>", '<p style="margin: 0;">')


@pytest.mark.parametrize(
    "html",
    [
        "<p>no sheet</p>",
        "<style></style><p>x</p>",
        "<style>b{color:red}</style><!--[if mso]><b><![endif]--><p>x",
        "<style>@import url(https://example.com/x.css);</style><p>x</p>",
        "<style media=print>p{color:red}</style ><p>x",
        "<title><style>p{color:red}</style></title><p>x",
    ],
)
def test_what_no_rule_speaks_about_stays_as_it_is(html):
    assert inlined(html) == html or "media=print" in html


def test_nothing_is_loaded(monkeypatch):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    html = (
        f'<link rel="stylesheet" href="{address}/a.css"><style>@import url("{address}/b.css");p{{color:red}}</style><p>'
    )
    assert inlined(html) == html.replace("<p>", '<p style="color: red;">')
    with listener, pytest.raises(BlockingIOError):
        listener.accept()
    assert inlined('<link rel="stylesheet" href="file:///etc/passwd"><style>p{color:red}</style><p>').endswith('red;">')


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 200_000,
        "<table><tr><td>" * 20_000,
        "".join(f"<font size={n}>" for n in range(5_000)) + "<p>" * 5_000,
        "<b></i>" * 20_000 + "<p>" * 20_000,
        "<p " + " ".join(f"a{n}" for n in range(60_000)) + ">",
        "<style>*{" + "".join(f"a{n}:1;" for n in range(20_000)) + "}</style>" + "<p>" * 10_000,
        "<style>" + "p{color:red}" * 20_000 + "</style>" + "<p>x</p>" * 20_000,
        "<style>" + "p:has(~ b ~ i){a:1}" * 1_000 + "</style>" + "<p>x</p>" * 20_000,
        "<p>" * 200_000,
        "x" * 500_001,
    ],
)
def test_what_would_take_the_machine_down_is_not_inlined(html):
    def refused():
        with pytest.raises(NotInlined):
            inlined("<style>p{color:red}</style>" + html)

    spent(refused)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 90,
        "<ul>" + "<li>item" * 5_000 + "</ul>",
        "<table>" + "<tr><td>cell" * 2_000 + "</table>",
        "<p>one<p>two" * 2_000,
        "<p><b>x</b> <a href=x>y</a><br><img src=x></p>" * 2_000,
        "<b>" * 19,
    ],
)
def test_careless_html_is_inlined(html):
    assert ' style="color: red;"' in inlined("<style>div,li,td,p,b{color:red}</style>" + html)


def test_a_message_that_cannot_be_inlined_is_sent_all_the_same():
    html = "<style>p{color:red}</style>" + "<div>" * 200 + "<p>Hi</p>"
    assert bodies(render(content(html=html)))[1].endswith("<div><p>Hi</p>")
    assert '<p style="color: red;">Hi</p>' in bodies(render(content(html=html.replace("<div>", ""))))[1]


PIECES = st.sampled_from(
    ["<p>", "</p>", "<b>", "</b>", "<table>", "<tr>", "<td class=c>", "</td>", "</table>", "<a href='{{ u }}'>", "</a>"]
    + [
        "{% if a %}",
        "{% endif %}",
        "{{ x | default: '\"<p>' }}",
        "<img alt=\"a'b\" style='top:0'/>",
        "<li>",
        "text & more",
    ]
    + ["<!-- c -->", "<svg><path d=x /></svg>", "<select><option>", '<p style="x:{{ y }}">', "<template>", "</ul>", "<"]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_taking_the_rules_out_again_gives_the_source(html):
    source = "<style>* { zoom: 1 }</style>" + html
    got = inlined(source)
    assert re.sub(r" style=\"zoom: 1;\"|(?<=style=[\"'])zoom: 1;", "", got) == source
    assert styles.MARK not in got
