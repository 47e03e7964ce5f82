"""The OpenAPI 3.1 document, out of what each call says about itself."""

import re
from functools import cache

from flask import Response, jsonify
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from blaster.web.api.models import HIGHEST, Problem
from blaster.web.api.operation import KEY, OPERATIONS, Operation, bp
from blaster.web.api.problems import PATH, TITLES

ABOUT = """\
What the pages of Blaster do, for programs: lists and their recipients, campaigns, the budgets of SMTP accounts, and
suppressions. Everything is of the user whose token is sent; what is somebody else's is not found.
"""
_ID = re.compile(r"<int:(\w+)>")
_ALWAYS = (401, 403, 429, 503)


@bp.get("/openapi.json")
def openapi() -> Response:
    """It describes; nobody needs a token to read it."""
    return jsonify(document())


@cache
def document() -> dict:
    """The whole of it."""
    operations = list(OPERATIONS.values())
    paths: dict[str, dict] = {}
    for each in operations:
        paths.setdefault(_ID.sub(r"{\1}", each.path), {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Blaster", "version": "1", "description": ABOUT},
        "servers": [{"url": PATH}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(operations),
        },
    }


def _schemas(operations: list[Operation]) -> dict:
    taken = {(each.takes, "validation") for each in operations if each.takes}
    answered = {(each.answers, "serialization") for each in operations if each.answers} | {(Problem, "serialization")}
    chosen = sorted(taken | answered, key=lambda pair: pair[0].__name__)
    _, found = models_json_schema(chosen, ref_template="#/components/schemas/{model}")
    return found["$defs"]


def _operation(each: Operation) -> dict:
    first, rest = each.words
    said = {
        "operationId": each.name,
        "summary": first,
        "description": f"{rest}\n\nScope: {each.scope}".strip(),
        "tags": [each.path.split("/")[1]],
        "parameters": [*_ids(each), *_query(each), *_key(each)],
        "responses": _responses(each),
    }
    return said | ({"requestBody": _body(each.takes)} if each.takes else {})


def _ids(each: Operation) -> list[dict]:
    schema = {"type": "integer", "minimum": 0, "maximum": HIGHEST}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in _ID.findall(each.path)]


def _query(each: Operation) -> list[dict]:
    if each.asks is None:
        return []
    schema = each.asks.model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": about.get("description", ""),
            "schema": {key: value for key, value in about.items() if key not in ("title", "description")},
        }
        for name, about in schema["properties"].items()
    ]


def _key(each: Operation) -> list[dict]:
    schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
    about = "Any text of your own, for example a UUID: the same call under the same key is done once."
    return [{"name": KEY, "in": "header", "description": about, "schema": schema}] if each.repeats else []


def _responses(each: Operation) -> dict[str, dict]:
    good = {"description": "Done."} | (_content("application/json", each.answers) if each.answers else {})
    refusals = {*_ALWAYS, *((404,) if "<" in each.path or each.takes else ())}
    refusals |= {400, 413, 415, 422} if each.takes else set()
    refusals |= {422} if each.asks else set()
    refusals |= {409} if each.method != "GET" else set()
    bad = {str(code): {"description": TITLES[code]} | _content(_PROBLEM, Problem) for code in sorted(refusals)}
    return {str(each.status): good, **bad}


_PROBLEM = "application/problem+json"


def _body(model: type[BaseModel]) -> dict:
    return {"required": True, **_content("application/json", model)}


def _content(kind: str, model: type[BaseModel]) -> dict:
    return {"content": {kind: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}}
