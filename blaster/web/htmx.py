"""Answers that suit both a page load and a request by htmx."""

from flask import Response, make_response, render_template, request
from flask import redirect as see_other
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm


def is_htmx() -> bool:
    """The request came from an htmx attribute, not from the address bar or a plain form."""
    return request.headers.get("HX-Request") == "true"


def redirect(url: str) -> ResponseReturnValue:
    """Go on to another page: 303, or 204 with HX-Redirect, since htmx would put a 303's page inside the form."""
    if is_htmx():
        return Response(status=204, headers={"HX-Redirect": url})
    return see_other(url, 303)


def unchanged(version: str) -> bool:
    """A poll that holds this version (`?v=`) already: answer `not_modified()`."""
    return request.args.get("v") == version


def not_modified() -> Response:
    """Keeps the polled fragment as it is; polling goes on."""
    return Response(status=204)


def instead(selector: str) -> dict[str, str]:
    """Headers where a poll of a small part found that all around it has changed: it gets the fragment of all."""
    return {"HX-Retarget": selector, "HX-Reswap": "outerHTML"}


def refused(fragment: str) -> Response:
    """A form's request failed; the message goes on top of the page, as 422: htmx shows no other class of error."""
    return make_response(fragment, 422, {"HX-Retarget": "#flash", "HX-Reswap": "outerHTML show:window:top"})


def form_page(page: str, fragment: str, form: FlaskForm, **context) -> ResponseReturnValue:
    """The form: its page for a first look, after a refusal 422 with what was typed (htmx gets the form alone)."""
    template = fragment if is_htmx() else page
    return render_template(template, form=form, **context), 422 if form.is_submitted() else 200
