"""Logs: a line each, with the ids of what it is about, so that one request or one campaign can be followed."""

import json
import logging
import subprocess
import sys

import pytest

from blaster import api_tokens, config, db, logs
from blaster.db import campaign_db
from blaster.models.campaign_db import Recipient
from tests.queue_data import server_with_account
from tests.test_web_campaigns import draft_of
from tests.work import Process, wait_until


def entry(message, *args, exc_info=None) -> dict:
    """What is written for it, read back."""
    record = logging.LogRecord("blaster.x", logging.WARNING, "x.py", 1, message, args, exc_info)
    return json.loads(logs.Json().format(record))


@pytest.mark.parametrize(
    ("message", "args", "ids"),
    [
        ("campaign %s of user %s: started", (7, 3), {"campaign_id": 7, "user_id": 3}),
        ("%s mails of campaign %s", (12, 7), {"campaign_id": 7}),
        ("server %s account %s: %s: %s", (1, 2, "hard", "no"), {"server_id": 1, "account_id": 2}),
        ("worker %s started", ("mail-1:77:1",), {"worker": "mail-1:77:1"}),
        ("100 %% of campaign %d in %.1f s", (7, 2.0), {"campaign_id": 7}),
        ("all is well", (), {}),
    ],
)
def test_an_entry_carries_the_ids_that_it_speaks_of(message, args, ids):
    found = entry(message, *args)
    assert found["message"] == (message % args if args else message)
    assert {name: value for name, value in found.items() if name.endswith("_id") or name == "worker"} == ids


def test_an_exception_and_strange_characters_stay_on_one_line():
    try:
        raise ValueError("first\nsecond “third”")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "it\nfailed", None, sys.exc_info())
    line = logs.Json().format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert found["message"] == "it\nfailed" and "second “third”" in found["exception"] and found["level"] == "error"


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(config.ConfigError, match="BLASTER_LOG_FORMAT"):
        config.load({"BLASTER_DATA_DIR": str(tmp_path), "BLASTER_LOG_FORMAT": "xml"})


@pytest.fixture
def entries():
    """What is logged, as the JSON that it would be."""
    found, handler = [], logging.Handler()
    handler.emit = lambda record: found.append(json.loads(logs.Json().format(record)))
    logger = logging.getLogger("blaster")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield found
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.mark.parametrize("engine", ["sqlite"])
class TestRequests:
    def test_a_change_has_an_entry_with_its_ids(self, alice, entries):
        draft = draft_of(alice)
        entries.clear()
        token = alice.token()
        answer = alice.client.post(
            f"/campaigns/{draft}/copy", data={"csrf_token": token}, headers={"X-Request-ID": "r-1"}
        )
        assert answer.headers["X-Request-ID"] == "r-1"
        (found,) = (each for each in entries if each["logger"] == "blaster.web.request_log")
        ids = {"request_id": "r-1", "user_id": alice.user_id, "campaign_id": draft}
        assert found.items() >= ids.items() and "/campaigns/<int:campaign_id>/copy: 303" in found["message"]

    def test_an_entry_of_a_program_has_its_user(self, app, alice, entries):
        _, secret = api_tokens.create_token(alice.user_id, "Shop", api_tokens.SCOPES)
        headers = {"Authorization": f"Bearer {secret}"}
        assert app.test_client().post("/api/v1/lists", json={"name": "All"}, headers=headers).status_code == 201
        (found,) = (each for each in entries if each["logger"] == "blaster.web.request_log")
        assert found["user_id"] == alice.user_id and secret not in str(entries)

    @pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\tb", "é"])
    def test_what_is_no_id_is_replaced(self, visitor, given):
        answer = visitor.client.get("/login", headers={"X-Request-ID": given})
        assert len(answer.headers["X-Request-ID"]) == 16

    def test_no_entry_tells_a_token_of_an_address(self, app, visitor, entries, monkeypatch):
        def fail(**_):
            raise RuntimeError("broken")

        app.config["PROPAGATE_EXCEPTIONS"] = False
        monkeypatch.setitem(app.view_functions, "unsubscribe.change", fail)
        assert visitor.client.post("/u/secret-token?who=ann@example.com").status_code == 500
        said = [each for each in entries if each["level"] == "error"]
        assert said and said[0]["error_id"] and said[0]["request_id"] and "RuntimeError" in said[0]["exception"]
        assert not [each for each in entries if "secret-token" in str(each) or "ann@" in str(each)]


@pytest.mark.parametrize("engine", ["sqlite"])
def test_pages_and_workers_tell_the_story_of_a_campaign(databases, sink, alice, entries, tmp_path):
    server_with_account(alice.user_id, host=sink.host, port=sink.port)
    draft = draft_of(alice)
    with db.session(campaign_db):
        address = Recipient.select().first().email
    alice.post(f"/campaigns/{draft}/start")
    process = Process({**databases, "BLASTER_LOG_FORMAT": "json"})
    try:
        wait_until(lambda: "finished" in alice.get(f"/campaigns/{draft}").text)
    finally:
        process.stop()
    lines = (tmp_path / "host.log").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    story = [each["message"].partition(": ")[2] for each in (*entries, *told) if each.get("campaign_id") == draft]
    assert story[-1] == "finished" and "started" in story and "handed over to the workers" in story
    assert all(each["worker"].startswith("host:") for each in told)
    assert not [each for each in (*entries, *told) if address in str(each) or "secret" in str(each)]


def test_a_worker_that_cannot_begin_says_so_in_words(tmp_path):
    env = {"BLASTER_DATA_DIR": str(tmp_path), "BLASTER_LOG_FORMAT": "xml"}
    done = subprocess.run([sys.executable, "-m", "blaster.workers"], env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "BLASTER_LOG_FORMAT='xml' is not text or json" in done.stderr
