"""Liquid within limits of time and memory, for texts of users of whom one may be hostile.

python-liquid limits loops, output and variables. It does not limit what a filter makes, how far a range goes or how
long all of it takes, and its lexer goes through an unfinished tag again and again.
"""

import functools
import re
import time
from collections.abc import Callable, Iterator

import liquid
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import FilterArgumentError, LiquidSyntaxError, LoopIterationLimitError, ResourceLimitError

from blaster.mail import markup

SECONDS = 0.25  # of CPU time for one text of one mail; a usual one takes 0.001
OUTPUT_LIMIT = 1_000_000  # octets that a text may have when merged
VALUE_LIMIT = 200_000  # octets of all variables, and characters that a filter may make
LOOP_LIMIT = 10_000  # steps of nested loops together
SOURCE_LIMIT = 500_000  # characters of a text with Liquid in it …
TAGS = 5_000  # … its tags …
TAG_LENGTH = 1_000  # … and the characters of one
FILTERS = """abs append at_least at_most capitalize ceil date default divided_by downcase escape escape_once first floor
    join last lstrip minus modulo newline_to_br plus prepend remove remove_first remove_last replace round rstrip size
    slice split strip strip_newlines times truncate truncatewords upcase url_decode url_encode""".split()
TAGS_LEFT_OUT = ("include", "render", "tablerow", "liquid")

_OPENING = re.compile(r"\{\{|\{%")
_MANY_BLANKS = re.compile(r"\s{40}")
_INT_LIMIT = 10_000  # bits; beyond 4,300 digits Python writes no number
_DATE_LIMIT = 100


@functools.cache
def environment(html: bool) -> liquid.Environment:
    """html: escape values."""
    return _Environment(autoescape=html, strict_filters=True)


def template(source: str, html: bool) -> liquid.BoundTemplate:
    """A template that keeps to the limits, then and when it is rendered. Raises LiquidError or RecursionError."""
    _check_source(source)
    made = environment(html).from_string(source)
    for expression in _expressions(made):
        if isinstance(expression, RangeLiteral):
            # The library has no hook for ranges.
            expression.__class__ = _Range
    return made


def _check_source(source: str) -> None:
    if len(source) > SOURCE_LIMIT:
        raise ResourceLimitError(f"a text with Liquid tags has at most {SOURCE_LIMIT:,} characters", token=None)
    end = 0
    for number, (start, end) in enumerate(markup.spans(source)):
        if number == TAGS:
            raise ResourceLimitError(f"there are more than {TAGS:,} tags", token=None)
        if not markup.is_verbatim(source, start):
            _check_tag(source, start, end)
    if unfinished := _OPENING.search(source, end):
        raise _error(LiquidSyntaxError, f"'{unfinished[0]}' begins a tag that does not end", source, unfinished.start())


def _check_tag(source: str, start: int, end: int) -> None:
    tag = source[start:end]
    if len(tag) > TAG_LENGTH:
        raise _error(ResourceLimitError, f"a tag has at most {TAG_LENGTH:,} characters", source, start)
    if _MANY_BLANKS.search(tag) or not tag[2:-2].strip(" \t\r\n-"):
        raise _error(LiquidSyntaxError, "an empty tag, or one with many blanks in it", source, start)


def _error(kind: type, text: str, source: str, start: int) -> Exception:
    return kind(text, token=liquid.Token("", "", start, source))


def _expressions(made: liquid.BoundTemplate) -> Iterator[liquid.Expression]:
    context = liquid.RenderContext(made)
    nodes = list(made.nodes)
    while nodes:
        node = nodes.pop()
        nodes += node.children(context)
        waiting = list(node.expressions())
        while waiting:
            expression = waiting.pop()
            yield expression
            waiting += expression.children()


class _Range(RangeLiteral):
    __slots__ = ()

    def evaluate(self, context: liquid.RenderContext) -> range:
        """As it is written, but no further than a loop may go: the library looks through all of it in one breath."""
        found = super().evaluate(context)
        if found and found[-1] - found[0] >= LOOP_LIMIT:
            raise LoopIterationLimitError(f"a range has more than {LOOP_LIMIT:,} steps", token=self.token)
        return found


class _Context(liquid.RenderContext):
    """Looks at the clock where python-liquid asks for disabled tags, which is before each node."""

    __slots__ = ("_end",)

    def __init__(self, *args, **kwargs):
        self._end = time.thread_time() + SECONDS
        super().__init__(*args, **kwargs)

    @property
    def disabled_tags(self) -> tuple:
        self._look_at_the_clock()
        return ()

    @disabled_tags.setter
    def disabled_tags(self, names) -> None:
        pass

    def filter(self, name: str, token) -> Callable:
        self._look_at_the_clock()
        return super().filter(name, token)

    def _look_at_the_clock(self) -> None:
        if time.thread_time() > self._end:
            raise ResourceLimitError(f"merging takes longer than {SECONDS} seconds", token=None)


class _Template(liquid.BoundTemplate):
    context_class = _Context


class _Environment(liquid.Environment):
    template_class = _Template
    context_depth_limit = 20
    loop_iteration_limit = LOOP_LIMIT
    local_namespace_limit = VALUE_LIMIT
    output_stream_limit = OUTPUT_LIMIT

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for name in TAGS_LEFT_OUT:
            del self.tags[name]
        self.filters = {name: _bounded(self.filters[name], _BEFORE.get(name)) for name in FILTERS}


def _bounded(work: Callable, before: Callable | None) -> Callable:
    """The filter, with a look at what it makes, and before it at what it would make where that may be out of all
    proportion."""

    @functools.wraps(work)
    def bounded(value: object, *args: object, **options: object) -> object:
        made = work(before(value, *args) if before else value, *args, **options)
        _check_size(made.bit_length() * VALUE_LIMIT // _INT_LIMIT if isinstance(made, int) else _size(made))
        return made

    return bounded


def _before_replace(value: object, old: object = "", new: object = "") -> str:
    text = str(value)
    _check_size(len(text) + text.count(str(old)) * len(str(new)))
    return value


def _before_join(value: object, separator: object = " ") -> object:
    if isinstance(value, (list, range)):
        _check_size(len(value) * (10 + len(str(separator))))
    return value


def _before_slice(value: object, *args: object) -> str:
    return str(value)


def _before_date(value: object, form: object = "") -> object:
    if max(_size(value), _size(form)) > _DATE_LIMIT:
        raise FilterArgumentError("a date or its format is too long", token=None)
    return value


_BEFORE = {"replace": _before_replace, "join": _before_join, "slice": _before_slice, "date": _before_date}


def _size(value: object) -> int:
    return len(value) if isinstance(value, (str, list)) else 0


def _check_size(size: int) -> None:
    if size > VALUE_LIMIT:
        raise ResourceLimitError("a value gets too long", token=None)
