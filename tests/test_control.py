import threading

import pytest

from blaster import db
from blaster.db import crm_db
from blaster.errors import Conflict, NotFound
from blaster.models.crm_db import CampaignContent, CampaignControl
from blaster.queue import claims, control, leases, quota
from blaster.queue.claims import Outcome
from tests import queue_data
from tests.clock import MINUTE
from tests.queue_data import (
    ALICE,
    BOB,
    CONTENT,
    assert_books_balance,
    running_campaign,
    server_with_account,
    statuses,
)

STATES = ("staging", "running", "paused", "cancelling", "cancelled", "finished")
CHANGES = {
    control.pause: {"staging": "paused", "running": "paused", "paused": "paused"},
    control.resume: {"paused": "running", "running": "running"},
    control.cancel: {
        "staging": "cancelling",
        "running": "cancelling",
        "paused": "cancelling",
        "cancelling": "cancelling",
    },
}


def put(state, is_staged=True, campaign_id=7):
    with db.session(crm_db):
        CampaignControl.update(run_state=state, is_staged=is_staged).where(
            CampaignControl.campaign_id == campaign_id
        ).execute()


def run_state(campaign_id=7, user_id=ALICE):
    return control.state(user_id, campaign_id).run_state


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_each_change_is_possible_where_it_makes_sense_and_nowhere_else(clock, change):
    running_campaign(mails=1)
    for state in STATES:
        put(state)
        if state in CHANGES[change]:
            change(ALICE, 7)
        else:
            with pytest.raises(Conflict):
                change(ALICE, 7)
        assert run_state() == CHANGES[change].get(state, state)


def test_a_campaign_paused_while_staging_goes_on_staging(clock):
    running_campaign(mails=1)
    put("staging", is_staged=False)
    control.pause(ALICE, 7)
    assert control.resume(ALICE, 7) == "staging"
    assert control.resume(ALICE, 7) == run_state() == "staging"
    put("running")
    control.pause(ALICE, 7)
    assert control.resume(ALICE, 7) == run_state() == "running"


def test_a_change_notes_when_and_why(clock):
    running_campaign(mails=1)
    clock.advance(MINUTE)
    control.pause(ALICE, 7, "x" * 600)
    clock.advance(MINUTE)
    control.pause(ALICE, 7, "another reason")
    found = control.state(ALICE, 7)
    assert (found.note, found.changed_at) == ("x" * 500, clock.at - MINUTE)
    control.resume(ALICE, 7)
    assert control.state(ALICE, 7).note == ""


@pytest.mark.parametrize("change", [control.state, *CHANGES], ids=lambda change: change.__name__)
def test_strangers_find_nothing(clock, change):
    running_campaign(mails=1)
    for user_id, campaign_id in ((BOB, 7), (ALICE, 8)):
        with pytest.raises(NotFound):
            change(user_id, campaign_id)
    assert run_state() == "running"


def test_a_worker_pauses_only_what_runs(clock):
    running_campaign(mails=1)
    put("finished")
    control.pause_if_running(ALICE, 7, "554 refused")
    assert run_state() == "finished"
    put("running")
    control.pause_if_running(ALICE, 7, "554 refused")
    assert (run_state(), control.state(ALICE, 7).note) == ("paused", "554 refused")


def test_opening_twice_changes_nothing(clock):
    control.open_campaign(ALICE, 7, 3, 99, CONTENT)
    control.pause(ALICE, 7)
    control.open_campaign(ALICE, 7, 4, 100, {**CONTENT, "subject": "Another"})
    control.open_campaign(BOB, 7, 4, 100, CONTENT)
    found = control.state(ALICE, 7)
    assert (found.list_id, found.stage_until, found.run_state) == (3, 99, "paused")
    with db.session(crm_db):
        assert [(c.user_id, c.subject) for c in CampaignContent] == [(ALICE, "Hi")]


def test_campaigns_are_listed_by_their_state(clock):
    for campaign_id in (9, 7, 8):
        control.open_campaign(ALICE if campaign_id < 9 else BOB, campaign_id, 3, 99, CONTENT)
    put("paused", campaign_id=8)
    assert [c.campaign_id for c in control.open_controls("staging")] == [7, 9]
    assert [c.campaign_id for c in control.open_controls("staging", "paused")] == [7, 8, 9]


def test_what_runs_and_what_is_open_follows_the_state(clock):
    running_campaign(mails=1)
    running_campaign(BOB, 8, mails=1)
    for state in STATES:
        put(state)
        with db.session(crm_db):
            assert control.are_running([7, 8, 9]) == ({7, 8} if state == "running" else {8})
            assert control.are_running([7, 8], BOB) == {8}
            assert control.are_open([7, 8, 9]) == ({8} if state in ("cancelled", "finished") else {7, 8})
    assert control.are_open([]) == set()


def test_a_cancelled_campaign_is_closed_in_slices(clock, monkeypatch):
    monkeypatch.setattr(control, "SLICE", 10)
    running_campaign(mails=25)
    running_campaign(BOB, 8, mails=5)
    control.cancel(ALICE, 7)
    assert [control.close_cancelled(7) for _ in range(4)] == [False, False, False, True]
    assert control.close_cancelled(7) is True
    assert control.counts(7)["cancelled"] == 25
    assert statuses(8) == {"pending": 5}
    assert (run_state(), run_state(8, BOB)) == ("cancelled", "running")
    assert_books_balance()


def test_closing_waits_for_mails_under_way_and_keeps_what_is_unknown(clock):
    _, account = server_with_account(hourly=10)
    running_campaign(mails=20)
    hold = leases.take("server:1", "host:1", MINUTE)
    rows, _ = queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 10)
    claims.intend(rows[:4])
    claims.settle([Outcome(rows[0], "unknown")])
    control.cancel(ALICE, 7)
    assert not control.close_cancelled(7)
    assert statuses() == {"cancelled": 16, "sending": 3, "unknown": 1}
    assert quota.budgets(ALICE)[account.id].left == 6
    assert not control.close_cancelled(7)
    assert claims.intend(rows) == set()
    claims.settle([Outcome(rows[1], "sent"), Outcome(rows[2], "pending"), Outcome(rows[3], "failed")])
    assert not control.close_cancelled(7)
    assert control.close_cancelled(7)
    assert statuses() == {"cancelled": 17, "sent": 1, "failed": 1, "unknown": 1}
    assert_books_balance()


def test_no_intent_follows_a_pause_that_returned(databases):
    _, account = server_with_account(hourly=1_000)
    running_campaign(mails=400)
    hold = leases.take("server:1", "host:1", MINUTE)
    rows, _ = queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 400)
    paused = threading.Event()

    def send(share):
        with db.session(crm_db):
            for row in share[:-10]:
                claims.intend([row])
            paused.wait()
            for row in share[-10:]:
                claims.intend([row])

    threads = [threading.Thread(target=send, args=(rows[i::4],)) for i in range(4)]
    [t.start() for t in threads]
    while statuses().get("sending", 0) < 20:
        pass
    control.pause(ALICE, 7)
    at_the_pause = statuses()
    paused.set()
    [t.join() for t in threads]
    assert statuses() == at_the_pause
    assert at_the_pause["claimed"] > 0
