"""The states of queue rows under everything that workers and users do, in any order: see tests/queue_model.py."""

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from blaster import db
from blaster.db import crm_db
from blaster.errors import Conflict
from blaster.models.crm_db import CampaignControl, Suppression
from blaster.queue import claims, control, leases, orphans
from blaster.queue.claims import Outcome
from tests import queue_data
from tests.clock import DAY
from tests.queue_data import ALICE, assert_books_balance, running_campaign, server_with_account, statuses
from tests.queue_model import Workers

LEGAL = {
    "pending": {"claimed", "suppressed", "cancelled"},
    "claimed": {"pending", "sending", "cancelled"},
    "sending": {"pending", "sent", "failed", "unknown"},
    "unknown": {"pending", "sent"},
}
ALLOWED = {  # what each act may do to a row; all others: nothing
    "claim": {("pending", "claimed"), ("pending", "suppressed")},
    "intend": {("claimed", "sending"), ("claimed", "pending")},
    "accept": {("sending", "sent"), ("sending", "unknown")},
    "refuse": {("sending", "pending"), ("sending", "failed")},
    "release": {("claimed", "pending")},
    "crash": {("claimed", "pending"), ("sending", "unknown")},
    "wake": {("unknown", "sent"), ("unknown", "pending")},
    "close": {("pending", "cancelled"), ("claimed", "cancelled")},
}


class States(Workers):
    MAILS = 12
    ACTS = (
        *(
            "send",
            "send",
            "claim",
            "claim",
            "intend",
            "intend",
            "accept",
            "accept",
            "refuse",
            "release",
            "crash",
            "wake",
        ),
        *("advance", "pause", "resume", "resume", "cancel", "suppress", "sweep", "repeat", "repeat"),
    )
    LAST_ACTS = ("close", "close", "accept", "refuse", "crash", "wake", "wake", "pause", "resume", "cancel", "repeat")
    seen: set[tuple[str, str]] = set()

    def set_up(self):
        super().set_up()
        self.run_state = "running"
        self.written = []
        self.before = self.rows()

    def acts(self):
        return self.LAST_ACTS if self.run_state in ("cancelling", "cancelled") else self.ACTS

    def do(self, act, who, many, luck):
        super().do(act, who, many, luck)
        self.rows_change_only_as_they_may()

    def rows(self) -> dict[int, str]:
        return queue_data.states()

    def claim(self, who, many, luck):
        before = len(self.claimed[who])
        super().claim(who, many, luck)
        assert self.run_state == "running" or len(self.claimed[who]) == before

    def intend(self, who, many, luck):
        before = len(self.under_way[who])
        super().intend(who, many, luck)
        assert self.run_state == "running" or len(self.under_way[who]) == before

    def write(self, outcomes):
        outcomes = list(outcomes)
        self.written.append(outcomes)
        super().write(outcomes)

    def repeat(self, who, many, luck):
        """The answer to an earlier COMMIT was lost: the same outcomes are written once more."""
        if self.written:
            claims.settle(self.written[-many % len(self.written)])

    def pause(self, who, many, luck):
        self.change(control.pause, {"running": "paused", "paused": "paused"})

    def resume(self, who, many, luck):
        self.change(control.resume, {"running": "running", "paused": "running"})

    def cancel(self, who, many, luck):
        if many == 1:  # seldom: nothing is sent afterwards
            self.change(control.cancel, {"running": "cancelling", "paused": "cancelling", "cancelling": "cancelling"})

    def change(self, change, targets):
        if self.run_state in targets:
            change(ALICE, 7)
            self.run_state = targets[self.run_state]
        else:
            with pytest.raises(Conflict):
                change(ALICE, 7)
        assert control.state(ALICE, 7).run_state == self.run_state

    def close(self, who, many, luck):
        if self.run_state == "cancelling" and control.close_cancelled(7):
            self.run_state = "cancelled"
            assert not {"pending", "claimed", "sending"} & set(self.rows().values())

    def suppress(self, who, many, luck):
        with db.session(crm_db):
            Suppression.insert(user_id=ALICE, email_key=f"r{many}@example.net").on_conflict_replace().execute()

    def sweep(self, who, many, luck):
        assert orphans.sweep() == {}

    @invariant()
    def rows_change_only_as_they_may(self):
        now = self.rows()
        assert now.keys() == self.before.keys()
        changes = {(self.before[key], now[key]) for key in now if self.before[key] != now[key]}
        assert all(new in LEGAL.get(old, ()) for old, new in changes), changes
        assert changes <= ALLOWED.get(self.act, set()), (self.act, changes)
        self.seen.update(changes)
        self.before = now

    @invariant()
    def what_the_server_accepted_is_not_sent_again(self):
        now = self.before
        accepted = {row_id for row_id, _ in self.accepted}
        assert {now[row_id] for row_id in accepted} <= {"sent", "unknown"}
        assert {row_id for row_id, status in now.items() if status == "sent"} <= accepted


def test_rows_change_only_as_they_may(clock):
    run_state_machine_as_test(
        lambda: States(clock), settings=settings(max_examples=12, stateful_step_count=60, deadline=None)
    )
    assert {new for _, new in States.seen} >= {"claimed", "sending", "sent", "unknown"}, "too little was done"


@pytest.fixture
def account(clock):
    running_campaign(mails=4)
    return server_with_account()[1]


def claim(account, hold):
    return queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 4)[0]


def outcomes(rows, status):
    return [Outcome(row, status) for row in rows]


def test_a_release_written_again_leaves_a_new_claim_alone(account):
    hold = leases.take("server:1", "host:1", DAY)
    first = claim(account, hold)
    claims.settle(outcomes(first, "pending"))
    second = claim(account, hold)
    assert {row.id for row in first} == {row.id for row in second}
    assert claims.settle(outcomes(first, "pending")) == 0
    assert claims.intend(first) == set()
    assert claims.intend(second) == set(second)
    assert claims.settle(outcomes(first, "pending")) == 0
    assert statuses() == {"sending": 4}


@pytest.mark.parametrize("status", ["sent", "failed", "unknown", "pending"])
def test_what_is_settled_is_not_granted_again(account, status):
    rows = claim(account, leases.take("server:1", "host:1", DAY))
    claims.intend(rows)
    claims.settle(outcomes(rows, status))
    assert claims.intend(rows) == set()
    assert statuses() == {status: 4}
    assert_books_balance()


def test_an_older_claim_is_never_granted_beside_the_present_one(account):
    hold = leases.take("server:1", "host:1", DAY)
    first = claim(account, hold)
    orphans.recover(hold)
    second = claim(account, leases.take("server:1", "host:1", DAY))
    assert claims.intend(first + second) == set(second)
    claims.settle([*outcomes(second, "sent"), *outcomes(first, "pending")])
    assert statuses() == {"sent": 4}


def test_a_journal_settles_what_recovery_found_but_not_what_the_worker_gave_up(account):
    hold = leases.take("server:1", "host:1", DAY)
    rows = claim(account, hold)
    claims.intend(rows)
    claims.settle(outcomes(rows[:1], "unknown"))
    orphans.recover(hold)
    found = orphans.in_doubt(hold, account.smtp_server_id)
    assert {row.id for row in found} == {row.id for row in rows[1:]}
    assert claims.settle(outcomes(found, "sent")) == 3
    assert statuses() == {"unknown": 1, "sent": 3}
    assert_books_balance()


@pytest.mark.parametrize("end", ["finished", "cancelled"])
def test_nothing_becomes_pending_in_a_campaign_that_has_ended(account, end):
    hold = leases.take("server:1", "host:1", DAY)
    rows = claim(account, hold)
    claims.intend(rows)
    orphans.recover(hold)
    with db.session(crm_db):
        CampaignControl.update(run_state=end).execute()
    assert claims.settle([*outcomes(rows[:2], "pending"), *outcomes(rows[2:], "sent")]) == 2
    assert statuses() == {"unknown": 2, "sent": 2}
    assert_books_balance()
