"""Style sheets of a mail written into its elements: some mail programs read nothing but `style` attributes.

The source stays as it is, with merge tags, comments for Outlook and style sheets, where media queries live;
only style attributes are added to. Nothing is loaded from anywhere.
"""

import re
from itertools import pairwise

import css_inline

from blaster.mail import markup
from blaster.mail.markup import Token

# Beyond these the library takes minutes or all of the stack; no mail that people can read comes near them.
LONGEST = 500_000  # characters
ELEMENTS = 20_000
DEPTH = 100  # elements within each other
UNENDED = 20  # elements like <b>, which go on in all that follows while they are not ended
ATTRIBUTES = 100  # of one element
WORK = 1_000_000_000  # elements x declarations x declarations

MARK = "data-style-of"

_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_GOES_ON = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_ENDS_ITSELF = frozenset("dd dt li option p tbody td tfoot th thead tr".split())
_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_SLOW = re.compile(r":has\(|~(?!=)")


class NotInlined(Exception):
    """The mail is sent with its style sheets alone; `str(error)` says why."""


def inlined(html: str) -> str:
    """The HTML with its style sheets in its elements; sheets with `{% %}` stay sheets only. Raises NotInlined."""
    if not _STYLE.search(html):
        return html
    if len(html) > LONGEST:
        raise NotInlined(f"it has more than {LONGEST:,} characters")
    masked, tags = markup.mask(html)
    tokens = list(markup.tokens(masked))
    _check(tokens)
    elements = [token for token in tokens if token.kind == "open"]
    styles = _styles(_marked(masked, elements, _conditional(tokens, tags)))
    pieces, position = [], 0
    for number, element in enumerate(elements):
        if style := styles.get(str(number)):
            start, end, own = element.attribute("style")
            quote = "'" if '"' in own or masked[start:end].endswith(f"'{own}'") else '"'
            escaped = style.replace("&", "&amp;").replace(quote, "&quot;" if quote == '"' else "&#39;")
            blank = "" if masked[start - 1].isspace() else " "
            pieces += (masked[position:start], f"{blank}style={quote}{escaped}{own}{quote}")
            position = end
    return markup.unmask("".join(pieces) + masked[position:], tags)


def _check(tokens: list[Token]) -> None:
    if len(tokens) > 2 * ELEMENTS:
        raise NotInlined(f"it has more than {ELEMENTS:,} elements")
    sheets = [token.source for token in tokens if token.name == "style" and token.kind == "text"]
    if any(map(_SLOW.search, sheets)):
        raise NotInlined("it selects elements with :has() or ~")
    if len(tokens) * sum(sheet.count(":") for sheet in sheets) ** 2 > WORK:
        raise NotInlined("its style sheets are too long for so many elements")
    if any(token.kind == "open" and token.source.count(" ") > ATTRIBUTES for token in tokens):
        _check_attributes(tokens)
    _check_nesting(tokens)


def _check_attributes(tokens: list[Token]) -> None:
    if any(token.kind == "open" and len(token.attributes) > ATTRIBUTES for token in tokens):
        raise NotInlined(f"an element has more than {ATTRIBUTES} attributes")


def _check_nesting(tokens: list[Token]) -> None:
    """In doubt an element counts as not ended: the library recurses without looking at the stack."""
    open_elements: list[str] = []
    going_on = 0
    for token in tokens:
        if token.kind == "open" and token.name not in _VOID:
            if token.name == "tr" and open_elements[-1:] in (["td"], ["th"]):
                open_elements.pop()
            if token.name in _ENDS_ITSELF and open_elements[-1:] == [token.name]:
                continue
            open_elements.append(token.name)
            going_on += token.name in _GOES_ON
        elif token.kind == "close" and _ends(token.name, open_elements):
            going_on -= token.name in _GOES_ON
        if len(open_elements) > DEPTH or going_on > UNENDED:
            raise NotInlined("too many of its elements are within each other, or not ended")


def _ends(name: str, open_elements: list[str]) -> bool:
    """Take what this end tag ends from the open elements, if it is clear."""
    last = len(open_elements)
    while last and open_elements[last - 1] in _ENDS_ITSELF - {name} and name not in _GOES_ON:
        last -= 1
    if not last or open_elements[last - 1] != name:
        return False
    del open_elements[last - 1 :]
    return True


def _conditional(tokens: list[Token], tags: list[str]) -> set[int]:
    """Where style sheets begin that merge tags decide about."""
    return {
        sheet.start
        for sheet, inside in pairwise(tokens)
        if (sheet.kind, sheet.name) == ("open", "style")
        and any(tag.startswith("{%") for tag in markup.masked_in(inside.source, tags))
    }


def _marked(masked: str, elements: list[Token], conditional: set[int]) -> str:
    """A copy in which each element has its number, and no style of its own."""
    pieces, position = [], 0
    for number, element in enumerate(elements):
        start, end, _ = element.attribute("style")
        head = element.start + 1 + len(element.name)
        ignored = " data-css-inline=ignore" if element.start in conditional else ""
        pieces += (masked[position:head], f" {MARK}={number}{ignored}", masked[head:start])
        position = end
    return "".join(pieces) + masked[position:]


def _styles(marked: str) -> dict[str, str]:
    """From the numbers of the elements to what their style sheets say, ending in a semicolon."""
    try:
        result = css_inline.CSSInliner(keep_link_tags=True, load_remote_stylesheets=False).inline(marked)
    except (css_inline.InlineError, ValueError) as error:
        raise NotInlined(f"its style sheets cannot be read: {error}") from None
    styles = {}
    for token in markup.tokens(result):
        if token.kind == "open" and MARK in token.source:
            found = token.attributes
            if style := found.get("style", "").strip().rstrip(";"):
                styles.setdefault(found[MARK], style + ";")
    return styles
