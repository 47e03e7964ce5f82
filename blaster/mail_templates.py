"""Messages that a user keeps for use in many campaigns. A campaign takes a copy: later changes do not reach it."""

from blaster import db, drafts
from blaster.db import campaign_db
from blaster.errors import NotFound
from blaster.models.templates import Template

_EMPTY = dict.fromkeys(drafts.MESSAGE, "") | {"rich": None}


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
    values = drafts.checked(_EMPTY | fields, "template")
    with db.session(campaign_db):
        now = db.now(campaign_db)
        return Template.create(user_id=user_id, created_at=now, updated_at=now, **values)


def edit_template(user_id: int, template_id: int, **fields) -> None:
    """Replace all fields, as for `create_template`. Raises Invalid, NotFound."""
    values = drafts.checked(_EMPTY | fields, "template")
    with db.session(campaign_db):
        values["updated_at"] = db.now(campaign_db)
        if not Template.update(**values).where(_owned(user_id, template_id)).execute():
            raise NotFound("No such template.")


def copy_template(user_id: int, template_id: int) -> Template:
    """Another one with the same message. Raises NotFound."""
    source = get_template(user_id, template_id)
    name = f"Copy of {source.name}"[: drafts.LONGEST["name"]]
    return create_template(user_id, name=name, **drafts.message(source))


def delete_template(user_id: int, template_id: int) -> None:
    """Campaigns that began with it keep their copy. Raises NotFound."""
    with db.session(campaign_db):
        if not Template.delete().where(_owned(user_id, template_id)).execute():
            raise NotFound("No such template.")
