"""Whatever a program sends, the API answers as its document says, and never with a 500."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks

from blaster import api_tokens, config
from blaster.web import create_app
from blaster.web.api.operation import OPERATIONS
from tests.routes import own

EXAMPLES = 8
checks.load_all_checks()
HOLD = [checks.not_a_server_error]
HOLD += map(
    checks.CHECKS.get_one, ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
)
# What ends a row comes last, so that the calls before find it.
NAMES = sorted(OPERATIONS, key=lambda name: (OPERATIONS[name].method == "DELETE", name))


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
def site(databases):
    """The application, a token for everything, and rows to name."""
    app = create_app(config.load({**databases, "BLASTER_API_CALLS": "1000000"}))
    return app


def test_every_call_answers_as_the_document_says(site, alice):
    ids = own(alice.user_id, started=True)
    _, token = api_tokens.create_token(alice.user_id, "Test", api_tokens.SCOPES)
    document = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", site)
    for name in NAMES:
        try_out(document.find_operation_by_id(name.removeprefix("api.")), ids, {"Authorization": f"Bearer {token}"})


def ids_of(operation) -> list[str]:
    return [each.name for each in operation.path_parameters]


def try_out(operation, ids: dict[str, int], headers: dict[str, str]) -> None:
    """Right and wrong bodies, queries and ids; every other one names rows that are there."""

    kinds = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        case=st.one_of(kinds if operation.body or operation.query or ids_of(operation) else kinds[:1]),
        there=st.booleans(),
    )
    def run(case, there):
        if there:
            case.path_parameters = {name: ids[name] for name in case.path_parameters or {}}
        answer = case.call(headers=headers)
        case.validate_response(answer, checks=HOLD)

    run()
