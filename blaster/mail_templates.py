"""Messages that a user keeps for use in many campaigns. A campaign takes a copy: later changes do not reach it."""

import re

from blaster import db
from blaster.db import campaign_db
from blaster.errors import Invalid, NotFound
from blaster.mail import letter
from blaster.models.templates import Template

MESSAGE = ("subject", "preheader", "html", "text", "rich")
LONGEST = {"name": 120, "subject": 500, "preheader": 200, "html": 2_000_000, "text": 2_000_000, "rich": 2_000_000}
_CONTROL = re.compile("[\x00-\x1f\x7f\u0085\u2028\u2029]")


def list_templates(user_id: int) -> list[Template]:
    """All templates of the user without their messages, last changed first."""
    columns = (Template.id, Template.name, Template.subject, Template.updated_at)
    with db.session(campaign_db):
        mine = Template.select(*columns).where(Template.user_id == user_id)
        return list(mine.order_by(Template.updated_at.desc(), Template.id.desc()))


def get_template(user_id: int, template_id: int) -> Template:
    """Raises NotFound."""
    with db.session(campaign_db):
        found = Template.get_or_none(_owned(user_id, template_id))
    if found is None:
        raise NotFound("No such template.")
    return found


def _owned(user_id: int, template_id: int):
    return (Template.id == template_id) & (Template.user_id == user_id)


def create_template(user_id: int, **fields) -> Template:
    """Fields: name, subject, preheader, html, text; rich instead of html. Raises Invalid."""
    values = _values(**fields)
    with db.session(campaign_db):
        now = db.now(campaign_db)
        return Template.create(user_id=user_id, created_at=now, updated_at=now, **values)


def edit_template(user_id: int, template_id: int, **fields) -> None:
    """Replace all fields, as for `create_template`. Raises Invalid, NotFound."""
    values = _values(**fields)
    with db.session(campaign_db):
        values["updated_at"] = db.now(campaign_db)
        if not Template.update(**values).where(_owned(user_id, template_id)).execute():
            raise NotFound("No such template.")


def _values(*, name: str, subject="", preheader="", html="", text="", rich: str | None = None) -> dict:
    values = {"name": name.strip(), "subject": subject.strip(), "preheader": preheader.strip(), "text": text or ""}
    values |= {"rich": rich, "html": (html or "") if rich is None else letter.from_rich(rich)}
    errors = {} if values["name"] else {"name": "Give the template a name; only you see it."}
    for field in ("name", "subject", "preheader"):
        if _CONTROL.search(values[field]):
            errors[field] = "Line breaks and control characters cannot be sent here."
    for field, longest in LONGEST.items():
        if len(values[field] or "") > longest:
            errors[field] = f"This has {len(values[field]):,} characters; at most {longest:,} can be kept."
    if errors:
        raise Invalid(errors)
    return values


def copy_template(user_id: int, template_id: int) -> Template:
    """Another one with the same message. Raises NotFound."""
    source = get_template(user_id, template_id)
    name = f"Copy of {source.name}"[: LONGEST["name"]]
    return create_template(user_id, name=name, **message(source))


def message(source) -> dict:
    """What a template or a campaign says: the MESSAGE fields."""
    return {name: getattr(source, name) for name in MESSAGE}


def delete_template(user_id: int, template_id: int) -> None:
    """Campaigns that began with it keep their copy. Raises NotFound."""
    with db.session(campaign_db):
        if not Template.delete().where(_owned(user_id, template_id)).execute():
            raise NotFound("No such template.")
