"""Merge tags in subjects and bodies: Liquid syntax, compiled once, rendered for each recipient.

A text with plain tags only (`{{ city | default: "your town" }}`) is cut into pieces and joined; any other goes through
python-liquid as one piece, with limits. Never Jinja for texts of users: its sandbox does not limit memory.
"""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import methodcaller

import liquid
from liquid.builtin.filters.array import join
from liquid.builtin.filters.string import replace, slice_
from liquid.exceptions import FilterError, LiquidError
from liquid.filter import with_environment
from markupsafe import Markup

Fields = Mapping[str, str]
Slot = Callable[[Fields], str]

OUTPUT_LIMIT = 1_000_000  # octets that one rendered body may have
FILTERS = """abs append at_least at_most capitalize ceil date default divided_by downcase escape escape_once first floor
    join last lstrip minus modulo newline_to_br plus prepend remove remove_first remove_last replace round rstrip size
    slice split strip strip_newlines times truncate truncatewords upcase url_decode url_encode""".split()
TAGS_LEFT_OUT = ("include", "render", "tablerow")
# Words that python-liquid reads as values or operators, not as names of fields.
KEYWORDS = frozenset("and blank contains else empty false if in nil none not null or true with".split())

_FILTER = r"""\s*\|\s*(?:(upcase|downcase|capitalize)|default\s*:\s*("[^"]*"|'[^']*'))"""
_TAG = re.compile(rf"\{{\{{\s*([A-Za-z_][\w-]*)((?:{_FILTER})*)\s*\}}\}}")
_FILTERS = re.compile(_FILTER)
_LIQUID = re.compile(r"\{\{|\{%")
_CASES = {"upcase": methodcaller("upper"), "downcase": methodcaller("lower"), "capitalize": methodcaller("capitalize")}


class MergeError(Exception):
    """The text cannot be merged. `message` is for its author; `line` counts from 1, 0 = not known."""

    def __init__(self, message: str, line: int = 0):
        super().__init__(f"line {line}: {message}" if line else message)
        self.message = message
        self.line = line


@dataclass(frozen=True)
class Merge:
    """A compiled text: statics[0], slots[0], statics[1], ... statics[-1]. `names` are the fields it asks for."""

    statics: tuple[str, ...]
    slots: tuple[Slot, ...]
    names: frozenset[str]

    def render(self, fields: Fields) -> str:
        """The text for one recipient; a field that is missing is empty. Raises MergeError when a limit is passed."""
        pieces = [self.statics[0]]
        for slot, static in zip(self.slots, self.statics[1:], strict=True):
            pieces += (slot(fields), static)
        return "".join(pieces)


def tags(source: str) -> set[str]:
    """Names of the fields that a text asks for, in conditions and loops too. Raises MergeError."""
    return set(compile_text(source, html=False).names)


def compile_text(source: str, *, html: bool) -> Merge:
    """Compile a subject or body; html=True escapes the values (not the author's own defaults). Raises MergeError."""
    pieces = _TAG.split(source)
    # Per tag: the name, its filters, and two groups of the last filter that are read again below.
    statics, names, filters = pieces[::5], pieces[1::5], pieces[2::5]
    if any(_LIQUID.search(static) for static in statics) or not KEYWORDS.isdisjoint(names):
        return _compile_liquid(source, html)
    slots = tuple(_slot(name, _steps(written, html), html) for name, written in zip(names, filters, strict=True))
    return Merge(tuple(statics), slots, frozenset(names))


def _steps(filters: str, html: bool) -> list[Callable[[str], str]]:
    return [_CASES.get(case) or _default(literal[1:-1], html) for case, literal in _FILTERS.findall(filters)]


def _default(literal: str, html: bool) -> Callable[[str], str]:
    text = Markup(literal) if html else literal
    return lambda value: value or text


def _slot(name: str, steps: list[Callable[[str], str]], html: bool) -> Slot:
    def value(fields: Fields) -> str:
        text = fields.get(name) or ""
        for step in steps:
            text = step(text)
        return _escaped(text) if html else text

    return value


def _escaped(text: str) -> str:
    """What markupsafe.escape makes, at a third of its cost for a short text."""
    if isinstance(text, Markup):
        return str(text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("'", "&#39;").replace('"', "&#34;")


def _compile_liquid(source: str, html: bool) -> Merge:
    try:
        template = _environment(html).from_string(source)
        analysis = template.analyze()
    except LiquidError as error:
        raise _merge_error(error) from None
    for name, places in analysis.filters.items():
        if name not in FILTERS:
            raise MergeError(f"unknown filter '{name}'", places[0].line_col(source)[0])

    def render(fields: Fields) -> str:
        try:
            return template.render(fields)
        except LiquidError as error:
            raise _merge_error(error) from None
        except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
            # What the library lets through: numbers of thousands of digits, ranges of 10^30, dates that are none.
            raise MergeError(f"cannot be computed: {error}") from None

    return Merge(("", ""), (render,), frozenset(analysis.globals))


def _merge_error(error: LiquidError) -> MergeError:
    context = error.context()
    return MergeError(str(error.message), context[0] if context else 0)


@functools.cache
def _environment(html: bool) -> "Environment":
    return Environment(autoescape=html, strict_filters=True)


class Environment(liquid.Environment):
    """Liquid within limits: no template can take more than about a megabyte or ten thousand steps of a loop."""

    context_depth_limit = 20
    loop_iteration_limit = 10_000
    local_namespace_limit = 200_000
    output_stream_limit = OUTPUT_LIMIT

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for name in TAGS_LEFT_OUT:
            del self.tags[name]
        bounded = {"replace": _bounded_replace, "join": _bounded_join, "slice": _slice_of_text}
        self.filters = {name: bounded.get(name, self.filters[name]) for name in FILTERS}


def _bounded_replace(value: object, old: object, new: object = "") -> str:
    """Chained replaces grow a text exponentially, and no limit of the library counts what a filter makes."""
    text = str(value)
    _check(len(text) + text.count(str(old)) * len(str(new)))
    return replace(value, old, new)


@with_environment
def _bounded_join(value: object, separator: object = " ", *, environment: liquid.Environment) -> str:
    if isinstance(value, (list, range)):
        _check(len(value) * (10 + len(str(separator))))
    return join(value, separator, environment=environment)


def _slice_of_text(value: object, start: object, length: object = 1) -> str:
    return slice_(str(value), start, length)


def _check(size: int) -> None:
    if size > OUTPUT_LIMIT:
        raise FilterError("the text gets too long", token=None)
