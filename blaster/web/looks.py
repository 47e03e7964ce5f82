"""A message as one of its recipients will see it, and what is wrong with it."""

from dataclasses import dataclass
from types import SimpleNamespace

from flask import request
from flask_login import current_user

from blaster import drafts, recipients, review, samples, users
from blaster.mail import footer, merge
from blaster.web.forms import row_id
from blaster.web.unsubscribe import PREVIEW


@dataclass(frozen=True)
class Look:
    """`viewer`: the recipient, or None; `problems` forbid the start, `advice` does not."""

    viewer: object
    search: str
    subject: str
    preheader: str
    problems: list[str]
    advice: list[str]
    is_empty: bool  # nothing is written yet


def viewer(list_id: int | None):
    """The recipient of a list that the request asks for, by `search`, `viewer_id` and `step`."""
    asked = request.values
    at = asked.get("viewer_id", 0, type=row_id)
    search, step = asked.get("search", ""), asked.get("step", "")
    return samples.find(current_user.id, list_id, search=search, at=at, step=step)


def fields(recipient) -> dict[str, str]:
    """All that merge tags may ask for; without a recipient, the address of whoever looks."""
    owner = users.get(current_user.id)
    own = {footer.FIELD: f"{request.host_url}u/{PREVIEW}", **footer.values(owner.organisation, owner.postal_address)}
    return {"email": current_user.email, **samples.values(recipient), **own}


def parts(source) -> dict[str, str]:
    """`subject`, `html` and `text` as they will be sent, with the footer that they lack; merge tags still in them."""
    owner = users.get(current_user.id)
    found, who = drafts.frozen(source), (owner.organisation, owner.postal_address)
    if found["html"]:
        found["html"] = footer.to_html(found["html"], *who)
    if found["text"]:
        found["text"] = footer.to_text(found["text"], *who)
    return found


def of(form, list_id: int | None = None) -> Look:
    """The look at the message in a form, for the recipient of the list that the request asks for. Raises NotFound."""
    source, seen_by = form.written(), viewer(list_id)
    known = recipients.field_names(recipients.get_list(current_user.id, list_id)) if list_id else None
    problems, advice = review.look_at(source, known)
    is_empty = not "".join((source.subject, source.html, source.text)).strip()
    return Look(
        seen_by,
        request.values.get("search", ""),
        **lines(source, seen_by),
        problems=problems,
        advice=advice,
        is_empty=is_empty,
    )


def lines(source, recipient) -> dict[str, str]:
    """`subject` and `preheader` as an inbox shows them; as written where they cannot be filled in."""
    values = fields(recipient)
    return {name: _line(getattr(source, name) or "", values) for name in ("subject", "preheader")}


def _line(text: str, values: dict[str, str]) -> str:
    try:
        return merge.compile_text(text, html=False).render(values)
    except merge.MergeError:
        return text


def rendered(source: SimpleNamespace, part: str, recipient) -> str:
    """The HTML or the text for one recipient. Raises MergeError."""
    html = part == "html"
    return merge.compile_text(parts(source)[part], html=html).render(fields(recipient))
