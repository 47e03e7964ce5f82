"""Lists of recipients: what is on them, what comes in from a file or the clipboard."""

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import recipients
from blaster.lists import work
from blaster.web import htmx
from blaster.web.forms import accepted, row_id
from blaster.web.list_forms import ListForm

bp = Blueprint("recipients", __name__, url_prefix="/lists")

PAGE = 50
COLUMNS = 4  # merge fields beside the address; a table of all hundred would be unreadable


@bp.get("")
def index() -> str:
    """All lists of the user."""
    lists = [(each, recipients.field_names(each)) for each in recipients.list_lists(current_user.id)]
    return render_template("lists/index.html", lists=lists)


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """Name a list; its recipients come next."""
    form = ListForm()
    if created := accepted(form, lambda: recipients.create_list(current_user.id, **form.data)):
        return htmx.redirect(url_for("imports.add", list_id=created.id))
    return htmx.form_page("lists/edit.html", "lists/_form.html", form, list=None)


@bp.get("/<int:list_id>")
def show(list_id: int) -> str:
    """One page of recipients; `?q=` searches in addresses, `?after=` goes on behind an id."""
    found = recipients.get_list(current_user.id, list_id)
    search, after = request.args.get("q", "").strip(), request.args.get("after", 0, type=row_id)
    rows = recipients.list_recipients(current_user.id, list_id, after=after, limit=PAGE + 1, search=search)
    return render_template(
        "lists/show.html",
        list=found,
        columns=recipients.field_names(found)[:COLUMNS],
        rows=[(row, recipients.values(row.fields)) for row in rows[:PAGE]],
        more=len(rows) > PAGE,
        search=search,
        after=after,
        works=work.unfinished(current_user.id, list_id),
    )


@bp.route("/<int:list_id>/rename", methods=["GET", "POST"])
def rename(list_id: int) -> ResponseReturnValue:
    """Give a list another name."""
    found = recipients.get_list(current_user.id, list_id)
    form = ListForm(obj=found)
    if accepted(form, lambda: recipients.rename_list(current_user.id, list_id, **form.data)):
        flash("List renamed.", "success")
        return htmx.redirect(url_for(".show", list_id=list_id))
    return htmx.form_page("lists/edit.html", "lists/_form.html", form, list=found)


@bp.post("/<int:list_id>/delete")
def delete(list_id: int) -> ResponseReturnValue:
    """Delete a list that no campaign needs any more."""
    recipients.delete_list(current_user.id, list_id)
    flash("List deleted, with its recipients.", "success")
    return htmx.redirect(url_for(".index"))


@bp.post("/<int:list_id>/recipients/<int:recipient_id>/remove")
def remove(list_id: int, recipient_id: int) -> ResponseReturnValue:
    """Take one recipient off the list and come back to the same page of it."""
    recipients.remove_recipient(current_user.id, list_id, recipient_id)
    flash("Recipient removed from this list.", "success")
    page = {name: request.form[name] for name in ("q", "after") if request.form.get(name)}
    return htmx.redirect(url_for(".show", list_id=list_id, **page))
