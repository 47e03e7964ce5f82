"""The text part of a mail whose author wrote HTML only."""

import re

from blaster.mail import markup

PARAGRAPHS = frozenset(
    "address blockquote div dl fieldset footer form h1 h2 h3 h4 h5 h6 header p pre section table ul ol".split()
)
LINES = frozenset("br dd dt li tr".split())
SILENT = frozenset("head script style template title".split())

_BLANKS = re.compile(r"[ \t\r\n\f]+")
_EMPTY_LINES = re.compile(r"\n{3,}")


def from_html(html: str) -> str:
    """The text of an HTML body with its links as `text <url>`. Merge tags stay as they are."""
    # There are quotes and comparisons in merge tags, which are not HTML's.
    masked, tags = markup.mask(html)
    reader = _Reader()
    for token in markup.tokens(masked):
        reader.take(token)
    return markup.unmask(reader.text(), tags)


class _Reader:
    def __init__(self):
        self._pieces: list[str] = []
        self._silent = 0
        self._preformatted = 0
        self._link: tuple[str, int] | None = None  # its target, and where its text begins

    def text(self) -> str:
        self._end_link()
        lines = (line.rstrip(" ") for line in "".join(self._pieces).split("\n"))
        return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip("\n") + "\n"

    def take(self, token: markup.Token) -> None:
        if token.kind == "text":
            self._add(markup.text(token.source))
        elif token.kind == "open":
            self._open(token.name, token.attributes)
        else:
            self._close(token.name)

    def _open(self, tag: str, attributes: dict[str, str]) -> None:
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
            self._add(attributes.get("alt", ""))
        elif tag == "a":
            self._end_link()
            self._link = (attributes.get("href", ""), len(self._pieces))

    def _close(self, tag: str) -> None:
        self._silent -= tag in SILENT and self._silent > 0
        self._preformatted -= tag == "pre" and self._preformatted > 0
        if tag == "a":
            self._end_link()
        self._break(tag)

    def _add(self, data: str) -> None:
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

    def _end_link(self) -> None:
        if self._link is None:
            return
        (href, start), self._link = self._link, None
        target = href.strip().removeprefix("mailto:")
        shown = "".join(self._pieces[start:]).strip()
        if not target or target.startswith("#") or target == shown:
            return
        self._pieces.append(f" <{target}>" if shown else target)
