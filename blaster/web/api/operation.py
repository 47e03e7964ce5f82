"""One call: its route, its token, its body, its answer, and what the document says about it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, current_app, g, request
from pydantic import BaseModel

from blaster import api_tokens
from blaster.web import request_log
from blaster.web.api import problems
from blaster.web.api.problems import problem

LARGEST = 8 * 1024 * 1024  # octets of a body
KEY = "Idempotency-Key"

bp = Blueprint("api", __name__, url_prefix=problems.PATH)
problems.register(bp)


@dataclass(frozen=True)
class Operation:
    """`path` as Flask writes it. `takes`, `asks`: models of body and query. `repeats`: by an Idempotency-Key once."""

    view: Callable
    method: str
    path: str
    scope: str
    answers: type[BaseModel] | None
    status: int
    takes: type[BaseModel] | None
    asks: type[BaseModel] | None
    repeats: bool

    @property
    def name(self) -> str:
        return self.view.__name__

    @property
    def words(self) -> tuple[str, str]:
        """The first sentence of the view's docstring, and the rest."""
        first, _, rest = inspect.getdoc(self.view).partition("\n\n")
        return " ".join(first.split()).rstrip("."), " ".join(rest.split())

    def answer(self, **ids: int) -> Response:
        """Run it for the user whose token came."""
        given = dict(ids)
        if self.takes:
            if request.mimetype != "application/json":
                return problem(415, "Send a body of application/json.")
            given["body"] = self.takes.model_validate_json(request.get_data())
        if self.asks:
            given["query"] = self.asks.model_validate(request.args.to_dict())
        found = self.view(g.api_token.user_id, **given)
        if self.answers is None:
            return Response(status=self.status)
        return Response(found.model_dump_json(), self.status, content_type="application/json")


OPERATIONS: dict[str, Operation] = {}  # by endpoint


def operation(
    method: str,
    path: str,
    scope: str,
    *,
    answers: type[BaseModel] | None = None,
    status: int = 200,
    takes: type[BaseModel] | None = None,
    asks: type[BaseModel] | None = None,
    repeats: bool = False,
) -> Callable:
    """Make a call of `view(user_id, ids…, body, query)`, which returns a model of `answers`."""

    def add(view: Callable) -> Callable:
        made = Operation(view, method, path, scope, answers, status, takes, asks, repeats)
        OPERATIONS[f"{bp.name}.{made.name}"] = made
        bp.add_url_rule(path, made.name, made.answer, methods=[method])
        return view

    return add


@bp.before_request
def _let_in() -> Response | None:
    """By its token alone: no cookie opens this door, so that no page of another site can use it."""
    wanted = OPERATIONS.get(request.endpoint)
    if wanted is None:
        return None  # the document
    request.max_content_length = LARGEST
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        if kind.lower() != "bearer":
            raise api_tokens.Unknown
        g.api_token = api_tokens.enter(token.strip(), current_app.config["BLASTER"].api_calls)
    except api_tokens.Unknown:
        detail = "Send a token of yours: Authorization: Bearer blaster_…"
        return problem(401, detail, WWW_Authenticate="Bearer")
    except api_tokens.TooMany as error:
        return problem(429, str(error), Retry_After=str(error.seconds))
    request_log.know(g.api_token.user_id)
    if wanted.scope not in g.api_token.scopes.split():
        return problem(403, f"This token may not do that: it needs the scope “{wanted.scope}”.")
    return None
