"""What is done to a whole list: its fields, copies, merging, a file to take home; and long work while it goes on."""

from collections.abc import Callable

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import recipients
from blaster.errors import Invalid
from blaster.lists import export, fields, work
from blaster.models.list_work import ListWork
from blaster.web import audited, htmx
from blaster.web.downloads import csv_file
from blaster.web.formatting import plural
from blaster.web.forms import row_id

bp = Blueprint("list_settings", __name__, url_prefix="/lists")


@bp.get("/<int:list_id>/settings")
def show(list_id: int) -> str:
    """Everything in one place."""
    found = recipients.get_list(current_user.id, list_id)
    others = [each for each in recipients.list_lists(current_user.id) if each.id != list_id]
    return render_template("lists/settings.html", list=found, names=recipients.field_names(found), others=others)


@bp.post("/<int:list_id>/fields/add")
def add_field(list_id: int) -> ResponseReturnValue:
    """A new merge field, `name`."""
    recipients.get_list(current_user.id, list_id)
    return _tried(list_id, lambda: fields.add(current_user.id, list_id, _given("name")), "Field added.")


@bp.post("/<int:list_id>/fields/rename")
def rename_field(list_id: int) -> ResponseReturnValue:
    """The field `old` is called `name` from now on."""
    recipients.get_list(current_user.id, list_id)
    if _given("name") in ("", _given("old")):
        audited.refuse()
        flash("Give the field another name.", "error")
        return htmx.redirect(url_for(".show", list_id=list_id))
    return _tried(list_id, lambda: work.rename_field(current_user.id, list_id, _given("old"), _given("name")))


@bp.post("/<int:list_id>/fields/delete")
def delete_field(list_id: int) -> ResponseReturnValue:
    """The field `old` and all its values go."""
    recipients.get_list(current_user.id, list_id)
    return _tried(list_id, lambda: work.rename_field(current_user.id, list_id, _given("old"), ""))


@bp.post("/<int:list_id>/copy")
def copy(list_id: int) -> ResponseReturnValue:
    """The same people on a new list, `name`."""
    recipients.get_list(current_user.id, list_id)
    return _tried(list_id, lambda: work.copy(current_user.id, list_id, _given("name")))


@bp.post("/<int:list_id>/merge")
def merge(list_id: int) -> ResponseReturnValue:
    """The same people on the list `target_id` too."""
    recipients.get_list(current_user.id, list_id)
    target_id = request.form.get("target_id", 0, type=row_id)
    return _tried(list_id, lambda: work.merge(current_user.id, list_id, target_id))


def _given(name: str) -> str:
    return request.form.get(name, "").strip()


def _tried(list_id: int, change: Callable, words: str = "") -> ResponseReturnValue:
    """What is refused is said on top of the settings; long work goes on on a page of its own."""
    try:
        begun = change()
    except Invalid as error:
        audited.refuse()
        flash(str(error), "error")
        return htmx.redirect(url_for(".show", list_id=list_id))
    if begun is not None:
        return _worked(begun)
    flash(words, "success")
    return htmx.redirect(url_for(".show", list_id=list_id))


@bp.get("/work/<int:work_id>")
def at_work(work_id: int) -> ResponseReturnValue:
    """How far it is; the page asks for more by itself."""
    found = work.get(current_user.id, work_id)
    if found.finished_at:
        return htmx.redirect(url_for("recipients.show", list_id=_changed(found)))
    return render_template("lists/work.html", work=found, list=recipients.get_list(current_user.id, found.list_id))


@bp.post("/work/<int:work_id>/go-on")
def go_on(work_id: int) -> ResponseReturnValue:
    """Another second of it."""
    return _worked(work.get(current_user.id, work_id))


def _worked(begun: ListWork) -> ResponseReturnValue:
    done = work.go_on(current_user.id, begun.id)
    if done.finished_at:
        flash(_words(done), "success")
        to_fields = done.kind == "rename"
        page = ".show" if to_fields else "recipients.show"
        return htmx.redirect(url_for(page, list_id=_changed(done)))
    if htmx.is_htmx() and request.endpoint == "list_settings.go_on":
        return render_template("lists/_work.html", work=done)
    return htmx.redirect(url_for(".at_work", work_id=done.id))


def _changed(done: ListWork) -> int:
    return done.target_id or done.list_id


def _words(done: ListWork) -> str:
    if done.kind == "copy":
        return f"{plural(done.done, 'recipient')} copied to this list."
    return f"The field {done.old} is called {done.new} now." if done.new else f"The field {done.old} is deleted."


@bp.get("/<int:list_id>/export.csv")
def export_csv(list_id: int) -> ResponseReturnValue:
    """Everybody with all values."""
    found = recipients.get_list(current_user.id, list_id)
    return csv_file(found.name, export.header(found), export.rows(found))
