"""Merge tags: the fast path, Liquid behind it, and its limits."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blaster.mail import merge
from blaster.mail.merge import MergeError, compile_text, tags


def render(source, html=False, **fields):
    return compile_text(source, html=html).render(fields)


def test_it_names_the_fields_in_conditions_and_loops_too():
    loop = "{% for i in (1..3) %}{{ i }}{{ n }}{% endfor %}"
    source = '{{ first_name | default: "x" }}{% if city %}{{ town }}{% endif %}' + loop
    assert tags(source) == {"first_name", "city", "town", "n"}
    assert tags("no tags, {one} brace") == set()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Hello {{ name }}!", "Hello anna!"),
        ("{{name}}{{ name|upcase }}{{ name | capitalize }}", "annaANNAAnna"),
        ("{{ missing }}", ""),
        ("{{ missing | default: 'friend' | capitalize }}", "Friend"),
        ('{{ nothing | default: "it\'s" }}', "it's"),
        ('{{ name | default: "x" }}', "anna"),
        ("{% if name == 'anna' %}A{% else %}B{% endif %}", "A"),
        ("{% for word in words %}{{ word }}{% endfor %}{{ words | split: ',' | join: '+' }}", "a,ba+b"),
        ("{{ nil | default: 'none' }}", "none"),
        ("{% raw %}{{ name }}{% endraw %}", "{{ name }}"),
        ("{{ name | slice: 0, 2 | append: '!' }}", "an!"),
    ],
)
def test_it_renders(source, expected):
    assert render(source, name="anna", nothing="", words="a,b") == expected


def test_it_escapes_values_in_html_and_leaves_the_authors_defaults():
    assert render("{{ name }}", html=True, name="<b>&\"'") == "&lt;b&gt;&amp;&#34;&#39;"
    assert render("{{ name | default: '<i>you</i>' }}", html=True) == "<i>you</i>"
    assert render("{% if name %}{{ name }}{% endif %}", html=True, name="<b>") == "&lt;b&gt;"
    assert render("{{ name }}", name="<b>") == "<b>"


def test_a_value_is_never_read_as_a_template():
    assert render("{{ name }}", name="{{ secret }}{% if %}", secret="s") == "{{ secret }}{% if %}"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("a\nb {{ name", 2),
        ("a\n\n{{ name | nonsense }}", 3),
        ("{% include 'x' %}", 1),
        ("{{ name | safe }}", 1),
        ("x\n{{ a b }}", 2),
        ("{% if name %}", 0),
        ("{{ }}", 1),
    ],
)
def test_it_names_the_line_of_a_mistake(source, line):
    with pytest.raises(MergeError) as caught:
        compile_text(source, html=True)
    assert caught.value.line == line and caught.value.message


DOUBLE = "{% assign x = x | append: x %}"


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..1000000000) %}x{% endfor %}",
        "{% for i in (1..5000) %}{% for j in (1..5000) %}x{% endfor %}{% endfor %}",
        "{{ (1..1000000000) | join: '' }}",
        "{% assign x = 'aaaaaaaa' %}" + DOUBLE * 40,
        "{{ 'aaaaaaaa'" + " | replace: 'a', 'aaaaaaaa'" * 12 + " }}",
        "{% assign x = 99 %}" + "{% assign x = x | times: x %}" * 40 + "{{ x }}",
        "{% for i in (1..9999) %}{{ name }}{% endfor %}",
        "{% for i in (1..1000000000000000000000000000000) %}x{% endfor %}",
        "{{ 1 | divided_by: 0 }}",
        "{% capture x %}{{ name }}{{ name }}{% endcapture %}" + "{% capture x %}{{ x }}{{ x }}{% endcapture %}" * 30,
    ],
)
def test_no_template_takes_the_machine_down(source):
    merged = compile_text(source, html=False)
    with pytest.raises(MergeError):
        merged.render({"name": "n" * 1000})


def test_statics_and_slots_alternate():
    merged = compile_text("a{{ x }}b{{ y }}", html=False)
    assert merged.statics == ("a", "b", "") and [slot({"x": "1", "y": "2"}) for slot in merged.slots] == ["1", "2"]


TAG = st.builds(
    "{{{{ {} {}}}}}".format,
    st.sampled_from(["a", "b", "first_name"]),
    st.lists(st.sampled_from(["| upcase ", "| downcase ", "| capitalize ", "| default: 'Ü <x>' "]), max_size=3).map(
        "".join
    ),
)
STATIC = st.text(alphabet="aé<&'\"\n }|%ß", max_size=8)


@settings(deadline=None)
@given(
    st.lists(STATIC | TAG, max_size=6).map("".join),
    st.dictionaries(st.sampled_from("ab"), st.text(max_size=8)),
    st.booleans(),
)
def test_the_fast_path_says_what_liquid_says(source, fields, html):
    fast, liquid = compile_text(source, html=html), merge._compile_liquid(source, html)
    assert re.sub("\r\n?", "\n", fast.render(fields)) == liquid.render(fields)
