"""What every campaign mail has to say: who sends it, from which address, and how to stop it.

Where the author has not put it into the message, a footer does.
"""

import re
from html import escape

from blaster.mail import markup
from blaster.mail.unsubscribe import FIELD

ORGANISATION, POSTAL_ADDRESS = "organisation", "postal_address"
FIELDS = (FIELD, ORGANISATION, POSTAL_ADDRESS)  # merge tags that every campaign has

BODY_END = re.compile(r"</body\s*>|</html\s*>|\Z", re.IGNORECASE)
_STYLE = (
    "margin:32px auto 0;padding:16px;max-width:600px;font-family:Arial,Helvetica,sans-serif;font-size:12px;"
    "line-height:18px;color:#767676;text-align:center"
)


def values(organisation: str, postal_address: str) -> dict[str, str]:
    """Of the merge tags `organisation` and `postal_address`, each in one line."""
    return {ORGANISATION: organisation, POSTAL_ADDRESS: ", ".join(_lines(postal_address))}


def to_html(html: str, organisation: str, postal_address: str) -> str:
    """The HTML with what it lacks, before the end of its body."""
    lines = [escape(line) for line in _sender(html, organisation, postal_address)]
    if not shows(html, FIELD):
        lines.append(f'<a href="{{{{ {FIELD} }}}}" style="color:#767676">Unsubscribe</a>')
    if not lines:
        return html
    end = BODY_END.search(html).start()
    return f'{html[:end]}<div style="{_STYLE}">{"<br>".join(lines)}</div>\n{html[end:]}'


def to_text(text: str, organisation: str, postal_address: str) -> str:
    """The text with what it lacks at its end."""
    lines = _sender(text, organisation, postal_address)
    if not shows(text, FIELD):
        lines.append(f"Unsubscribe: {{{{ {FIELD} }}}}")
    return f"{text.rstrip()}\n\n--\n{chr(10).join(lines)}\n" if lines else text


def shows(source: str, field: str) -> bool:
    """The field stands somewhere outside comments; what is in a condition is the author's to answer for."""
    return re.search(rf"\{{\{{-?\s*{field}\b", markup.without_comments(source)) is not None


def _sender(source: str, organisation: str, postal_address: str) -> list[str]:
    return [] if shows(source, POSTAL_ADDRESS) else _lines(f"{organisation}\n{postal_address}")


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
