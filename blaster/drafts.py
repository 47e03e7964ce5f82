"""What a message may hold while it is written, and what becomes of it when it is sent. No database."""

import re

from blaster import addresses
from blaster.errors import Invalid
from blaster.mail import letter, plain_text, preheader

MESSAGE = ("subject", "preheader", "html", "text", "rich")
LONGEST = {
    "name": 120,
    "subject": 500,
    "preheader": 200,
    "sender_name": 120,
    "html": 2_000_000,
    "text": 2_000_000,
    "rich": 1_000_000,
}
_ONE_LINE = ("name", "subject", "preheader", "sender_name")
# In a header these would begin a new line or hide something.
_CONTROL = re.compile("[\x00-\x1f\x7f\u0085\u2028\u2029]")


def checked(fields: dict, what: str) -> dict:
    """The fields as they may be stored. `what`: the word for it, campaign or template. Raises Invalid.

    Where `rich` is not None, it is what was written in the rich-text editor, and `html` is made from it.
    """
    values = {name: (text or "").strip() if name in _ONE_LINE else text for name, text in fields.items()}
    rich = values.get("rich")
    values |= {"html": (values["html"] or "") if rich is None else letter.from_rich(rich), "text": values["text"] or ""}
    errors = {} if values["name"] else {"name": f"Give the {what} a name; only you see it."}
    for field in ("sender_email", "reply_to"):
        if field in values:
            values[field] = _address(values[field], field, errors)
    errors |= _troubles(values)
    if errors:
        raise Invalid(errors)
    return values


def _address(text: str, field: str, errors: dict[str, str]) -> str:
    try:
        return addresses.normalise(text)[0] if text.strip() else ""
    except ValueError as error:
        errors[field] = str(error)
        return text


def _troubles(values: dict) -> dict[str, str]:
    errors = {}
    for field in set(_ONE_LINE) & set(values):
        if _CONTROL.search(values[field]):
            errors[field] = "Line breaks and control characters cannot be sent here."
    for field in set(LONGEST) & set(values):
        if (size := len(values[field] or "")) > LONGEST[field]:
            errors[field] = f"This has {size:,} characters; at most {LONGEST[field]:,} can be kept."
    return errors


def message(source) -> dict:
    """What a campaign or a template says: its MESSAGE fields."""
    return {name: getattr(source, name) for name in MESSAGE}


def frozen(source) -> dict[str, str]:
    """`subject`, `html` and `text` of a campaign or template as they are sent: with the preview text in the HTML, and
    with a text part made from the HTML where none was written. Merge tags are still in them."""
    html = source.html or ""
    text = (source.text or "").strip() and source.text or (html.strip() and plain_text.from_html(html))
    return {"subject": source.subject or "", "html": preheader.with_preheader(html, source.preheader), "text": text}
