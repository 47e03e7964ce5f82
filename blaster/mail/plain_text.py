"""The text part of a mail whose author wrote HTML only."""

import re
from html.parser import HTMLParser

PARAGRAPHS = frozenset(
    "address blockquote div dl fieldset footer form h1 h2 h3 h4 h5 h6 header p pre section table ul ol".split()
)
LINES = frozenset("br dd dt li tr".split())
SILENT = frozenset("head script style template title".split())

_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_MARK = re.compile("\ue000(\\d+)\ue001")
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_EMPTY_LINES = re.compile(r"\n{3,}")


def from_html(html: str) -> str:
    """The text of an HTML body with its links as `text <url>`. Merge tags stay as they are."""
    tags = _LIQUID.findall(html)
    numbers = iter(range(len(tags)))
    # An HTML parser must not see the tags: there are quotes and comparisons in them.
    reader = _Reader()
    reader.feed(_LIQUID.sub(lambda _: f"\ue000{next(numbers)}\ue001", html))
    reader.close()
    return _MARK.sub(lambda mark: tags[int(mark[1])], reader.text())


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._silent = 0
        self._preformatted = 0
        self._links: list[tuple[str, int]] = []

    def text(self) -> str:
        lines = (line.rstrip(" ") for line in "".join(self._pieces).split("\n"))
        return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip("\n") + "\n"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._break(tag)
        self._silent += tag in SILENT
        self._preformatted += tag == "pre"
        if tag == "li":
            self._pieces.append("- ")
        elif tag == "hr":
            self._pieces.append("\n\n---\n\n")
        elif tag in ("td", "th") and not self._at_line_start():
            self._pieces.append(" ")
        elif tag == "img":
            self.handle_data(attributes.get("alt") or "")
        elif tag == "a":
            self._links.append((attributes.get("href") or "", len(self._pieces)))

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT and self._silent > 0
        self._preformatted -= tag == "pre" and self._preformatted > 0
        if tag == "a" and self._links:
            self._end_link(*self._links.pop())
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if not self._preformatted:
            data = _BLANKS.sub(" ", data)
            if not self._pieces or self._pieces[-1].endswith((" ", "\n")):
                data = data.lstrip(" ")
        if data:
            self._pieces.append(data)

    def _break(self, tag: str) -> None:
        if tag in PARAGRAPHS:
            self._pieces.append("\n\n")
        elif tag in LINES and (tag == "br" or not self._at_line_start()):
            self._pieces.append("\n")

    def _at_line_start(self) -> bool:
        return not self._pieces or self._pieces[-1].endswith("\n")

    def _end_link(self, href: str, start: int) -> None:
        target = href.strip().removeprefix("mailto:")
        shown = "".join(self._pieces[start:]).strip()
        if not target or target.startswith("#") or target == shown:
            return
        self._pieces.append(f" <{target}>" if shown else target)
