"""Decisions beside everything else that happens to a mail: in threads, and in any order."""

import threading

from hypothesis import settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from blaster import db, progress
from blaster.db import crm_db
from blaster.queue import claims, control, decisions
from tests.queue_data import ALICE, assert_books_balance, clear, server_with_account, statuses
from tests.queue_model import Workers
from tests.test_decisions import failed, in_doubt, mails, sent


def test_a_mail_is_decided_by_one_alone(databases, monkeypatch):
    """The owner clicks twice and a worker wakes, all in the same moment."""
    monkeypatch.setattr(decisions, "SLICE", 5)
    account = server_with_account()[1]
    for campaign_id in range(7, 12):
        _, rows = in_doubt(account, 60, campaign_id)
        groups = [rows[i : i + 6] for i in range(0, 60, 6)]
        contenders = {
            "woke": lambda groups=groups: sum(claims.settle(sent(group)) for group in groups),
            "again": lambda c=campaign_id: decisions.send_again(ALICE, c),
            "counted": lambda c=campaign_id: decisions.count_as_sent(ALICE, c),
        }
        done = at_once(contenders)
        assert sum(done.values()) == 60
        expected = {"pending": done["again"], "sent": done["woke"] + done["counted"]}
        assert statuses(campaign_id) == {status: n for status, n in expected.items() if n}
        assert_books_balance()


def test_a_retry_and_the_end_of_the_campaign_agree(databases):
    """Never finished with something pending, whichever comes first."""
    account = server_with_account()[1]
    for campaign_id in range(7, 15):
        failed(account, *["soft"] * 20, campaign_id=campaign_id)
        done = at_once(
            {
                "retry": lambda c=campaign_id: decisions.retry_failed(ALICE, c, {"soft"}),
                "finish": progress.finish,
            }
        )
        assert done["retry"] == 20
        assert control.state(ALICE, campaign_id).run_state == "running"
        control.pause(ALICE, campaign_id)
    assert_books_balance()


def at_once(contenders):
    """Run each in its own thread, all starting together; what they returned, by name."""
    start, done = threading.Barrier(len(contenders)), {}

    def run(name):
        start.wait()
        with db.session(crm_db):
            done[name] = contenders[name]()

    threads = [threading.Thread(target=run, args=(name,)) for name in contenders]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert set(done) == set(contenders), "a thread failed"
    return done


class Owner(Workers):
    """The workers, and an owner who decides in between."""

    MAILS = 5  # few, so that all of them come to their end
    ACTS = (
        *("claim", "claim", "intend", "intend", "accept", "accept", "refuse", "crash", "wake", "advance"),
        *("send_again", "send_again", "count_as_sent", "retry", "finish"),
    )
    LAST_ACTS = ("send_again", "count_as_sent", "retry", "finish", "wake")  # with nothing left to send
    reached: set[str] = set()

    def set_up(self):
        super().set_up()
        self.decided: set[tuple[int, int]] = set()  # (mail, its claim) that a decision has ended
        self.copies = dict.fromkeys((mail.id for mail in mails()), 1)  # that the owner has agreed to

    def acts(self):
        return self.ACTS if {"pending", "claimed", "sending"} & set(statuses()) else self.LAST_ACTS

    def send_again(self, who, many, luck):
        doubtful = self.chosen("unknown", many, luck)
        ids = None if luck else [mail.id for mail in doubtful]
        self.decide(doubtful, decisions.send_again(ALICE, 7, ids))
        for mail in doubtful:
            self.copies[mail.id] += 1

    def count_as_sent(self, who, many, luck):
        doubtful = self.chosen("unknown", many, luck)
        ids = None if luck else [mail.id for mail in doubtful]
        self.decide(doubtful, decisions.count_as_sent(ALICE, 7, ids))

    def retry(self, who, many, luck):
        self.decide(self.chosen("failed", 0, True), decisions.retry_failed(ALICE, 7, {""}))

    def finish(self, who, many, luck):
        if progress.finish():
            self.reached.add("finish")
            assert not {"pending", "claimed", "sending"} & set(statuses())

    def chosen(self, status, many, luck):
        found = [mail for mail in mails() if mail.status == status]
        return found if luck else found[:many]

    def decide(self, chosen, done):
        assert done == len(chosen)
        self.decided |= {(mail.id, mail.claim_id) for mail in chosen}
        if done:
            self.reached.add(self.act)

    def wake(self, who, many, luck):
        """Who wakes after the decision about its claim cannot change it; its later claims are another matter."""
        known = {(outcome.row.id, outcome.row.claim.id) for outcome in self.asleep}
        late = {mail_id for mail_id, _ in known & self.decided} - {mail_id for mail_id, _ in known - self.decided}
        before = [mail.__data__ for mail in mails() if mail.id in late]
        super().wake(who, many, luck)
        after = [mail.__data__ for mail in mails() if mail.id in late]
        assert after == before
        if late:
            self.reached.add("late")

    @invariant()
    def nothing_is_sent_twice(self):
        """But for what the owner has agreed to."""
        taken = [mail_id for mail_id, _ in self.accepted]
        assert all(taken.count(mail_id) <= self.copies[mail_id] for mail_id in set(taken))
        if len(taken) > len(set(taken)):
            self.reached.add("copies")

    @invariant()
    def it_is_finished_only_when_nothing_is_open(self):
        is_open = {"pending", "claimed", "sending"} & set(statuses())
        assert not (is_open and control.state(ALICE, 7).run_state == "finished")


def test_no_order_of_events_breaks_a_decision(clock):
    limits = settings(max_examples=12, stateful_step_count=80, deadline=None)
    run_state_machine_as_test(lambda: Owner(clock), settings=limits)
    wanted = {"send_again", "count_as_sent", "retry", "finish", "late", "copies"}
    assert wanted <= Owner.reached, "the model did too little to prove anything"
    clear()
