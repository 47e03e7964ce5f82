"""What goes wrong, as `application/problem+json` (RFC 9457)."""

import json
from collections.abc import Iterable

from flask import Blueprint, Response
from pydantic import ValidationError

from blaster.errors import Conflict, Invalid

PATH = "/api/v1"
TITLES = {
    400: "Bad request",
    401: "No valid token",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Not in this state",
    413: "Too large",
    415: "Not JSON",
    422: "Not acceptable as it is",
    429: "Too many calls",
    500: "Something broke",
    503: "Not now",
}


def problem(status: int, detail: str, errors: Iterable[tuple[str, str]] = (), **headers: str) -> Response:
    """`errors`: (field, sentence)."""
    body = {"type": "about:blank", "title": TITLES.get(status, "That did not work"), "status": status, "detail": detail}
    if errors := [{"field": field, "detail": sentence} for field, sentence in errors]:
        body["errors"] = errors
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(json.dumps(body), status, named, content_type="application/problem+json")


def register(bp: Blueprint) -> None:
    """What calls raise; all else comes through `web.errors`."""
    bp.register_error_handler(Conflict, lambda error: problem(409, str(error)))
    bp.register_error_handler(Invalid, lambda error: problem(422, str(error), error.errors.items()))
    bp.register_error_handler(ValidationError, _validation)


def _validation(error: ValidationError) -> Response:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    errors = [(".".join(map(str, each["loc"])), each["msg"]) for each in found]
    if any(each["type"] == "json_invalid" for each in found):
        return problem(400, "This is not JSON.")
    return problem(422, "Some fields cannot be taken.", errors)
