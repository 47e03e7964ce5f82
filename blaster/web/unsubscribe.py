"""The page behind the link in a mail. Everybody's mail program and every scanner comes here, none of them signed in.

RFC 8058: a GET changes nothing; a POST needs no cookie, no token of a form and no second request. To unsubscribe is
never refused, however many come at once from one address: providers click for all their users. It can be repeated
without a trace, and a link that is not ours ends at its signature, before any database.
"""

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue

from blaster import subscriptions
from blaster.errors import Conflict, NotFound
from blaster.mail import unsubscribe
from blaster.mail.unsubscribe import Ticket

bp = Blueprint("unsubscribe", __name__, url_prefix="/u")

PREVIEW = "preview"  # the token of the link in a preview
BACK = "back"  # beside the subscriptions' own THIS_LIST and EVERYTHING


@bp.get("/<token>")
def show(token: str) -> ResponseReturnValue:
    """Says who writes, and has the button."""
    ticket = _ticket(token)
    return _page(ticket) if ticket else _nothing_to_end()


@bp.post("/<token>")
def change(token: str) -> ResponseReturnValue:
    """One click (`List-Unsubscribe=One-Click`), or a button of the page (`choice`)."""
    ticket = _ticket(token)
    if ticket is None:
        return _nothing_to_end()
    choice = request.form.get("choice")
    if choice == BACK:
        try:
            subscriptions.resume(ticket)
        except Conflict as error:
            return _page(ticket, trouble=str(error)), 429
    else:
        what = subscriptions.THIS_LIST if choice == subscriptions.THIS_LIST else subscriptions.EVERYTHING
        subscriptions.end(ticket, what)
    return _page(ticket, is_back=choice == BACK)


def _ticket(token: str) -> Ticket | None:
    """None for a test and a preview. Raises NotFound."""
    if token == PREVIEW:
        return None
    ticket = unsubscribe.read(token, current_app.config["BLASTER"].secret_key.encode())
    if ticket is None:
        raise NotFound("No such mail.")
    return None if ticket.is_test else ticket


def _nothing_to_end() -> str:
    return render_template("unsubscribe/test.html")


def _page(ticket: Ticket, *, is_back: bool = False, trouble: str = "") -> str:
    found = subscriptions.look(ticket)
    return render_template("unsubscribe/show.html", found=found, is_back=is_back, trouble=trouble)


@bp.errorhandler(NotFound)
def unknown(_: NotFound) -> ResponseReturnValue:
    """For people, who may have copied half a link."""
    return render_template("unsubscribe/unknown.html"), 404
