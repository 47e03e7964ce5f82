"""The preview text of a mail: what an inbox shows behind the subject. It goes into the HTML, hidden."""

import html
import re

_LIQUID = re.compile(r"(\{\{[^{}]*+\}\}|\{%[^%{}]*+%\})")
_BODY = re.compile(r"<body\b[^<>]*+>", re.IGNORECASE)
_HIDDEN = (
    '<div style="display:none;max-height:0;max-width:0;overflow:hidden;mso-hide:all;'
    'font-size:1px;line-height:1px;color:transparent;opacity:0">'
)
# An inbox fills its line with what follows; these take up that room and show nothing.
_ROOM = "&#847;&zwnj;&nbsp;" * 40


def with_preheader(body: str, preheader: str) -> str:
    """The HTML with the preview text as its first words; as it is where either is empty. Merge tags keep working."""
    if not preheader or not body.strip():
        return body
    hidden = f"{_HIDDEN}{_escaped(preheader)}{_ROOM}</div>"
    start = _BODY.search(body)
    at = start.end() if start else 0
    return f"{body[:at]}{hidden}{body[at:]}"


def _escaped(text: str) -> str:
    pieces = _LIQUID.split(text)
    return "".join(piece if number % 2 else html.escape(piece) for number, piece in enumerate(pieces))
