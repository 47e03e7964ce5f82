"""People: found by address across all lists, with all that is known about them; taken home and erased on request."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import db, erased, recipients, servers
from blaster.errors import Invalid
from blaster.imports.uploads import CONSENT
from blaster.lists import dossier, people
from blaster.queue import erasure
from blaster.web import htmx
from blaster.web.downloads import json_file
from blaster.web.forms import accepted
from blaster.web.people_forms import person_form
from blaster.web.suppressions import REASONS

bp = Blueprint("people", __name__)

PAGE = 50


@bp.get("/people")
def index() -> ResponseReturnValue:
    """Addresses on any list; `?search=` is a part of one, `?after=` goes on behind one."""
    search, after = request.args.get("search", "").strip(), request.args.get("after", "")
    found = people.search(current_user.id, search, after, PAGE + 1)
    if search and not found and not after and (known := _known(search)) and not known.is_empty:
        # On no list, but in a campaign or among the suppressions: whoever asks about them must find them.
        return redirect(url_for(".known", email=known.email), 303)
    more = len(found) > PAGE
    return render_template("people/index.html", found=found[:PAGE], more=more, search=search, after=after)


def _known(email: str) -> dossier.Dossier | None:
    try:
        return dossier.of(current_user.id, email)
    except Invalid:
        return None


@bp.get("/people/known")
def known() -> ResponseReturnValue:
    """All about the address `?email=`, be it on a list or not."""
    email = request.args.get("email", "")
    if (found := _known(email)) is None:
        return redirect(url_for(".index", search=email), 303)
    return _page(found)


@bp.get("/recipients/<int:recipient_id>")
def show(recipient_id: int) -> ResponseReturnValue:
    """The same for somebody on a list."""
    return _page(dossier.of(current_user.id, people.get(current_user.id, recipient_id).email))


def _page(found: dossier.Dossier) -> str:
    accounts = {account.id: account.email for account in servers.list_accounts(current_user.id)}
    return render_template("people/show.html", person=found, accounts=accounts, consents=CONSENT, why=REASONS)


@bp.route("/recipients/<int:recipient_id>/edit", methods=["GET", "POST"])
def edit(recipient_id: int) -> ResponseReturnValue:
    """Address and values on one list."""
    row = people.get(current_user.id, recipient_id)
    on, values = recipients.get_list(current_user.id, row.list_id), recipients.values(row.fields)
    names = list(dict.fromkeys([*recipients.field_names(on), *values]))
    form = person_form(names, row.email, values)
    if accepted(form, lambda: people.edit(current_user.id, recipient_id, form.email.data, form.values)):
        flash("Saved. Campaigns that have started go to the address they started with.", "success")
        return htmx.redirect(url_for(".show", recipient_id=recipient_id))
    return htmx.form_page("people/edit.html", "people/_form.html", form, list=on, row=row)


@bp.route("/lists/<int:list_id>/add", methods=["GET", "POST"])
def add(list_id: int) -> ResponseReturnValue:
    """Put one person on a list."""
    on = recipients.get_list(current_user.id, list_id)
    form = person_form(recipients.field_names(on))
    if made := accepted(form, lambda: people.add(current_user.id, list_id, form.email.data, form.values)):
        flash(f"{made.email} is on the list.", "success")
        return htmx.redirect(url_for("recipients.show", list_id=list_id))
    return htmx.form_page("people/edit.html", "people/_form.html", form, list=on, row=None)


@bp.post("/people/export")
def export() -> ResponseReturnValue:
    """All that is known about the address in the field `email`, as a file to hand out."""
    found = dossier.of(current_user.id, request.form.get("email", ""))
    return json_file(found.email, dossier.as_json(found, db.now(db.campaign_db)))


@bp.post("/people/erase")
def erase() -> ResponseReturnValue:
    """Forget the address in the field `email`. What a Conflict breaks off is finished by erasing once more."""
    user_id, found = current_user.id, dossier.of(current_user.id, request.form.get("email", ""))
    erased.remember(user_id, found.key)
    people.forget(user_id, found.key)
    erasure.erase(user_id, found.key, erased.hidden(user_id, found.key))
    # Last: until no mail to it is left, the suppression has work to do.
    erased.forget(user_id, found.key)
    flash("Erased. The address cannot come back with an import, and no mail goes to it any more.", "success")
    return htmx.redirect(url_for(".index"))
