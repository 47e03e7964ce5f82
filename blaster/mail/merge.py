"""Merge tags in subjects and bodies: Liquid syntax, compiled once, rendered for each recipient.

A text with plain tags only (`{{ city | default: "your town" }}`) is cut into pieces and joined; any other goes through
python-liquid as one piece, with limits. Never Jinja for texts of users: its sandbox does not limit memory.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import methodcaller

from liquid.exceptions import LiquidError, ResourceLimitError
from markupsafe import Markup

from blaster.mail import sandbox

Fields = Mapping[str, str]
Slot = Callable[[Fields], str]

SLOTS = 10_000  # plain tags of a text
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


class LimitError(MergeError):
    """It would take too much time or memory, and so it will for the next recipient."""


@dataclass(frozen=True)
class Merge:
    """A compiled text: statics[0], slots[0], statics[1], ... statics[-1]. `names` are the fields it asks for."""

    statics: tuple[str, ...]
    slots: tuple[Slot, ...]
    names: frozenset[str]

    def render(self, fields: Fields) -> str:
        """The text for one recipient; a field that is missing is empty. Raises MergeError when a limit is passed."""
        pieces = [self.statics[0]]
        for number, slot in enumerate(self.slots, 1):
            pieces += (slot(fields), self.statics[number])
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
    if len(names) > SLOTS:
        raise LimitError(f"there are more than {SLOTS:,} tags")
    slots = tuple(_slot(name, _steps(written, html), html) for name, written in zip(names, filters, strict=True))
    return Merge(tuple(statics), slots, frozenset(names))


def _steps(filters: str, html: bool) -> list[Callable[[str], str]]:
    return [_CASES.get(case) or _default(literal[1:-1], html) for case, literal in _FILTERS.findall(filters)]


def _default(literal: str, html: bool) -> Callable[[str], str]:
    text = Markup(literal) if html else literal  # noqa: S704  what the author wrote
    return lambda value: value or text


def _slot(name: str, steps: list[Callable[[str], str]], html: bool) -> Slot:
    def value(fields: Fields) -> str:
        text = fields.get(name) or ""
        for step in steps:
            text = step(text)
        # Most values are words: nothing in them needs to be escaped.
        return text if not html or text.isalnum() else _escaped(text)

    return value


def _escaped(text: str) -> str:
    """What markupsafe.escape makes, at a third of its cost for a short text."""
    if isinstance(text, Markup):
        return str(text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("'", "&#39;").replace('"', "&#34;")


def _compile_liquid(source: str, html: bool) -> Merge:
    with _troubles():
        template = sandbox.template(source, html)
        analysis = template.analyze()
    for name, places in analysis.filters.items():
        if name not in sandbox.FILTERS:
            raise MergeError(f"unknown filter '{name}'", places[0].line_col(source)[0])

    def render(fields: Fields) -> str:
        with _troubles():
            try:
                return template.render(fields)
            except UnicodeEncodeError:  # half a character somewhere: JSON can hold it
                return template.render({name: _whole(value) for name, value in fields.items()})

    return Merge(("", ""), (render,), frozenset(analysis.globals))


def _whole(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


@contextmanager
def _troubles() -> Iterator[None]:
    try:
        yield
    except LiquidError as error:
        context = error.context()
        kind = LimitError if isinstance(error, ResourceLimitError) else MergeError
        raise kind(str(error.message), context[0] if context else 0) from None
    except RecursionError:
        raise LimitError("too many things within each other") from None
    except (ArithmeticError, ValueError, TypeError, OSError) as error:
        # What the library lets through: numbers of thousands of digits, dates that are none.
        raise MergeError(f"cannot be computed: {error}") from None
