"""Reads HTML with merge tags in it. One pass, whatever it holds: html.parser needs hours for a megabyte of "<a "."""

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

RAW = frozenset("script style textarea title".split())  # elements whose content is text, whatever it looks like

_OPENING = re.compile(r"\{\{|\{%")
_VERBATIM = re.compile(r"\{%-?\s*(raw|doc)\s*-?%\}")
_FIRST = 0xF0000  # private characters stand for merge tags
_STANDS = re.compile("([\U000f0000-\U000ffffd])\\1*")

_ATTRIBUTE = r"""([^\s/>=][^\s/>=]*+)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+))?+"""
_ATTRIBUTES = re.compile(_ATTRIBUTE)
# A possessive pattern cannot go back, so that it fails in the time of one look.
_ELEMENT = re.compile(rf"<(/?)([A-Za-z][^\s/>]*+)((?:[\s/=]++|{_ATTRIBUTE})*+)>")
_REMARK = re.compile(r"<!--|<[!?]|</(?![A-Za-z>])")
_LONG_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{8,}+;?")


class Token(NamedTuple):
    """A piece of HTML. kind: open | close | text. `source`: the attributes of a tag, or the text, as written.

    `name`: of the element; of a text the element that it is the raw text of, or empty.
    """

    kind: str
    name: str
    source: str
    start: int
    end: int

    @property
    def attributes(self) -> dict[str, str]:
        """Names in lower case and values without quotes and entities; the first of two with one name counts."""
        found: dict[str, str] = {}
        for name, value in _ATTRIBUTES.findall(self.source):
            found.setdefault(name.lower(), text(_unquoted(value)))
        return found

    def attribute(self, name: str) -> tuple[int, int, str]:
        """Where in the document an attribute is (or would be, then both places are one) and its value as written."""
        start = self.end - 1 - len(self.source)
        for found in _ATTRIBUTES.finditer(self.source):
            if found[1].lower() == name:
                return start + found.start(), start + found.end(), _unquoted(found[2] or "")
        return start, start, ""


def spans(source: str) -> Iterator[tuple[int, int]]:
    """Where the merge tags are; `{% raw %}` with all to its end counts as one. Ends at the first that is not closed."""
    position = 0
    while opening := _OPENING.search(source, position):
        start = opening.start()
        end = source.find("}}" if opening[0] == "{{" else "%}", start + 2) + 2
        verbatim = _VERBATIM.match(source, start)
        if verbatim:
            closing = re.compile(rf"\{{%-?\s*end{verbatim[1]}\s*-?%\}}").search(source, end)
            end = closing.end() if closing else 1
        if end == 1:
            return
        yield start, end
        position = end


def is_verbatim(source: str, start: int) -> bool:
    """Does a block begin here that may hold anything?"""
    return bool(_VERBATIM.match(source, start))


def mask(source: str) -> tuple[str, list[str]]:
    """The source with private characters for its merge tags, as many as each has characters; and the tags."""
    pieces, tags, position = [], [], 0
    source = _STANDS.sub("\ufffd", source)
    for start, end in spans(source):
        if len(tags) == 0xFFFD:
            break
        pieces += (source[position:start], chr(_FIRST + len(tags)) * (end - start))
        tags.append(source[start:end])
        position = end
    return "".join(pieces) + source[position:], tags


def unmask(text: str, tags: list[str]) -> str:
    """Text from a masked source, with its merge tags again."""
    return _STANDS.sub(lambda run: tags[ord(run[1]) - _FIRST], text)


def masked_in(text: str, tags: list[str]) -> list[str]:
    """The merge tags in a part of the masked source."""
    return [tags[ord(stand) - _FIRST] for stand in _STANDS.findall(text)]


def without_comments(source: str) -> str:
    """The source without `<!-- -->`."""
    pieces, position = [], 0
    while (start := source.find("<!--", position)) >= 0 and (end := source.find("-->", start + 4)) >= 0:
        pieces.append(source[position:start])
        position = end + 3
    return "".join(pieces) + source[position:]


def tokens(source: str) -> Iterator[Token]:
    """The tags and texts of (masked) HTML in their order; comments and declarations are left out."""
    position, size = 0, len(source)
    while position < size:
        start = source.find("<", position)
        if start != position:
            start = size if start < 0 else start
            yield Token("text", "", source[position:start], position, start)
            position = start
        elif remark := _REMARK.match(source, position):
            closer = "-->" if remark[0] == "<!--" else ">"
            position = source.find(closer, position + 2) + len(closer)
            if position < len(closer):
                return
        elif element := _ELEMENT.match(source, position):
            name, position = element[2].lower(), element.end()
            yield Token("close" if element[1] else "open", name, element[3], element.start(), position)
            if name in RAW and not element[1]:
                end = _end_of_raw(source, name, position)
                yield Token("text", name, source[position:end], position, end)
                position = end
        elif re.compile(r"</?[A-Za-z]").match(source, position):
            return  # a tag that never ends: nobody shows what follows
        else:
            yield Token("text", "", "<", position, position + 1)
            position += 1


def _end_of_raw(source: str, name: str, position: int) -> int:
    closing = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(source, position)
    return closing.start() if closing else len(source)


def _unquoted(value: str) -> str:
    return value[1:-1] if value[:1] in ('"', "'") else value


def text(source: str) -> str:
    """What a reader sees of a piece of text."""
    return html.unescape(_LONG_NUMBER.sub("\ufffd", source)) if "&" in source else source
