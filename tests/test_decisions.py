import threading
from collections import Counter

import pytest

from blaster import db, progress
from blaster.db import campaign_db, crm_db
from blaster.demo.faults import Rule
from blaster.errors import Conflict, NotFound
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import claims, control, decisions, leases, orphans, quota
from blaster.queue.claims import Outcome
from blaster.workers import walker
from blaster.workers.holds import Holds
from tests import queue_data
from tests.queue_data import ALICE, BOB, assert_books_balance, running_campaign, server_with_account, statuses
from tests.work import wait_until, worker

TTL = 30_000


@pytest.fixture
def account(databases):
    return server_with_account(hourly=5_000, daily=5_000)[1]


def claim(account, limit=10_000, campaign_id=7, user_id=ALICE):
    name = f"server:{account.smtp_server_id}"
    hold = leases.take(name, "host:1", TTL)
    rows, _ = queue_data.claim(user_id, account.smtp_server_id, account.id, campaign_id, hold, limit)
    return hold, rows


def in_doubt(account, mails=10, campaign_id=7, user_id=ALICE):
    """Mails that a worker was sending when it was declared dead; returns them as it knows them."""
    running_campaign(user_id, campaign_id, mails)
    hold, rows = claim(account, campaign_id=campaign_id, user_id=user_id)
    claims.intend(rows)
    leases.expire_all("host:1")
    orphans.recover(hold)
    assert statuses(campaign_id) == {"unknown": mails}
    return hold, rows


def failed(account, *classes, campaign_id=7):
    """Mails refused with these classes of reply."""
    running_campaign(campaign_id=campaign_id, mails=len(classes))
    hold, rows = claim(account, campaign_id=campaign_id)
    claims.intend(rows)
    claims.settle(
        Outcome(row, "failed", reply_class, 550, f"no: {reply_class}", attempts=3)
        for row, reply_class in zip(rows, classes, strict=True)
    )
    leases.release(hold)
    return rows


def sent(rows):
    return [Outcome(row, "sent", "sent", 250, "2.0.0 ok", attempts=1) for row in rows]


def mails(campaign_id=7):
    with db.session(crm_db):
        return list(Mail.select().where(Mail.campaign_id == campaign_id).order_by(Mail.id))


def finish(campaign_id=7):
    assert progress.finish() == 1
    assert control.state(ALICE, campaign_id).run_state == "finished"


def test_what_is_sent_again_is_charged_again_and_the_first_charge_stays(account):
    in_doubt(account)
    assert decisions.send_again(ALICE, 7) == 10
    assert {(mail.status, mail.attempts, mail.bucket, mail.lease_token, mail.claim_id) for mail in mails()} == {
        ("pending", 0, None, None, None)
    }
    assert quota.budgets(ALICE)[account.id].hour_used == 10
    assert_books_balance()
    _, rows = claim(account)
    claims.intend(rows)
    claims.settle(sent(rows))
    assert statuses() == {"sent": 10}
    assert quota.budgets(ALICE)[account.id].hour_used == 20
    assert_books_balance()


def test_what_is_sent_again_is_found_behind_the_cursor(account):
    _, rows = in_doubt(account)
    decisions.send_again(ALICE, 7)
    hold = leases.take("server:1", "host:2", TTL)
    found, _ = queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 100)
    assert {row.id for row in found} == {row.id for row in rows}


def test_what_is_counted_as_sent_stays_charged(account):
    in_doubt(account)
    assert decisions.count_as_sent(ALICE, 7) == 10
    assert statuses() == {"sent": 10}
    assert quota.budgets(ALICE)[account.id].hour_used == 10
    assert {mail.reply_class for mail in mails()} == {"unknown"}  # no server said so
    assert_books_balance()


def test_single_mails_are_decided_alone(account):
    _, rows = in_doubt(account)
    assert decisions.send_again(ALICE, 7, [rows[0].id, rows[1].id]) == 2
    assert decisions.count_as_sent(ALICE, 7, {rows[2].id}) == 1
    assert decisions.send_again(ALICE, 7, []) == 0
    assert statuses() == {"pending": 2, "sent": 1, "unknown": 7}
    assert_books_balance()


def test_only_the_chosen_classes_are_tried_again(account):
    failed(account, "hard", "soft", "soft", "block", None)
    assert decisions.retry_failed(ALICE, 7, {"soft", "message"}) == 2
    assert statuses() == {"pending": 2, "failed": 3}
    assert {mail.reply_class for mail in mails() if mail.status == "failed"} == {"hard", "block", None}
    assert decisions.retry_failed(ALICE, 7, {""}) == 1
    assert decisions.retry_failed(ALICE, 7, set()) == 0
    assert_books_balance()
    _, rows = claim(account)
    assert [row.attempts for row in rows] == [0, 0, 0]


@pytest.mark.parametrize("status", ["sent", "pending", "claimed", "sending", "suppressed", "cancelled"])
def test_no_other_mail_is_touched(account, status):
    _, rows = in_doubt(account)
    with db.session(crm_db):
        Mail.update(status=status, reply_class="sent").execute()
        before = list(Mail.select().order_by(Mail.id).tuples())
    ids = [row.id for row in rows]
    assert decisions.send_again(ALICE, 7, ids) == decisions.count_as_sent(ALICE, 7, ids) == 0
    assert decisions.send_again(ALICE, 7) == decisions.retry_failed(ALICE, 7, {"sent", ""}) == 0
    with db.session(crm_db):
        assert list(Mail.select().order_by(Mail.id).tuples()) == before


def everything_of(campaign_id=7):
    return [
        lambda user_id: decisions.send_again(user_id, campaign_id),
        lambda user_id: decisions.count_as_sent(user_id, campaign_id),
        lambda user_id: decisions.retry_failed(user_id, campaign_id, {"hard"}),
        lambda user_id: decisions.list_rows(user_id, campaign_id, "unknown"),
        lambda user_id: decisions.failed_by_class(user_id, campaign_id),
    ]


def test_strangers_find_nothing(account):
    in_doubt(account)
    for ask in everything_of() + everything_of(campaign_id=99):
        with pytest.raises(NotFound):
            ask(BOB)
    assert statuses() == {"unknown": 10}


def test_an_id_of_another_campaign_opens_nothing(account):
    _, rows = in_doubt(account)
    in_doubt(server_with_account(BOB)[1], campaign_id=8, user_id=BOB)
    for decide in (decisions.send_again, decisions.count_as_sent):
        with pytest.raises(NotFound):
            decide(BOB, 8, [rows[0].id])
    assert statuses() == {"unknown": 10}


@pytest.mark.parametrize("closed", [False, True])
def test_a_cancelled_campaign_stays_as_it_is(account, closed):
    in_doubt(account)
    control.cancel(ALICE, 7)
    if closed:
        assert control.close_cancelled(7)
    for decide in everything_of()[:3]:
        with pytest.raises(Conflict):
            decide(ALICE)
    assert statuses() == {"unknown": 10}
    assert len(decisions.list_rows(ALICE, 7, "unknown")) == 10


def test_a_cancel_between_two_slices_ends_it(account, monkeypatch):
    in_doubt(account)
    monkeypatch.setattr(decisions, "SLICE", 4)
    with pytest.raises(Conflict):
        decide_all("send-again", lambda: control.cancel(ALICE, 7))
    assert statuses() == {"pending": 4, "unknown": 6}
    assert decisions.waiting() == []
    while not control.close_cancelled(7):
        pass
    assert statuses() == {"cancelled": 4, "unknown": 6}
    assert_books_balance()


def decide_all(kind: str, happens) -> int:
    """`happens` after the first slice."""
    decision = decisions.go_on(ALICE, decisions.begin(ALICE, 7, kind).id, 0)
    happens()
    return decisions.go_on(ALICE, decision.id).done


def test_a_decision_goes_on_where_it_stopped_and_a_worker_ends_it(account, monkeypatch):
    in_doubt(account, mails=25)
    with db.session(campaign_db):
        CampaignStatus.create(campaign_id=7, status="running", total_emails=25)
    finish()
    monkeypatch.setattr(decisions, "SLICE", 7)
    decision = decisions.begin(ALICE, 7, "count-as-sent")
    assert decisions.go_on(ALICE, decision.id, 0).done == 7
    assert decisions.begin(ALICE, 7, "count-as-sent").id == decision.id  # a second click
    assert (decisions.under_way(ALICE, 7), decisions.under_way(BOB, 7)) == (7, None)
    with pytest.raises(NotFound):
        decisions.go_on(BOB, decision.id)
    walker.of_decisions(Holds("host:1", 30_000), threading.Event()).work()
    assert (decisions.under_way(ALICE, 7), decisions.waiting()) == (None, [])
    assert statuses() == {"sent": 25}
    assert_books_balance()
    with db.session(campaign_db):
        assert CampaignStatus.get_by_id(7).sent_emails == 25  # on the screens too, though the campaign has ended


def test_slices_leave_nothing_out(account, monkeypatch):
    in_doubt(account, mails=25)
    monkeypatch.setattr(decisions, "SLICE", 7)
    assert decisions.send_again(ALICE, 7) == 25
    assert_books_balance()


def test_what_becomes_unknown_meanwhile_waits_for_another_decision(clock, monkeypatch):
    account = server_with_account()[1]
    in_doubt(account)
    clock.advance(1_000)
    monkeypatch.setattr(decisions, "SLICE", 4)

    def in_doubt_once_more():
        hold, rows = claim(account)
        claims.intend(rows)
        claims.settle(Outcome(row, "unknown") for row in rows)
        leases.release(hold)

    assert decide_all("send-again", in_doubt_once_more) == 10
    assert statuses() == {"unknown": 4, "pending": 6}


def test_a_finished_campaign_runs_again_until_all_is_sent(account):
    in_doubt(account)
    finish()
    assert decisions.send_again(ALICE, 7) == 10
    assert control.state(ALICE, 7).run_state == "running"
    assert progress.finish() == 0
    _, rows = claim(account)
    claims.intend(rows)
    claims.settle(sent(rows))
    finish()


@pytest.mark.parametrize("run_state", ["finished", "paused", "running"])
def test_it_runs_only_when_something_is_to_be_sent(account, run_state):
    in_doubt(account)
    with db.session(crm_db):
        CampaignControl.update(run_state=run_state).execute()
    decisions.retry_failed(ALICE, 7, {"hard"})
    decisions.count_as_sent(ALICE, 7)
    assert control.state(ALICE, 7).run_state == run_state


def test_a_paused_campaign_stays_paused(account):
    in_doubt(account)
    control.pause(ALICE, 7)
    decisions.send_again(ALICE, 7)
    assert control.state(ALICE, 7).run_state == "paused"


@pytest.mark.parametrize("decide", [decisions.send_again, decisions.count_as_sent])
def test_a_worker_that_wakes_after_the_decision_writes_nothing(account, decide):
    hold, rows = in_doubt(account)
    decide(ALICE, 7)
    before = [mail.__data__ for mail in mails()]
    assert claims.settle(sent(rows)) == 0
    assert claims.settle(Outcome(row, "pending") for row in rows) == 0
    assert orphans.in_doubt(hold, account.smtp_server_id) == []
    assert [mail.__data__ for mail in mails()] == before


def test_a_slice_written_twice_decides_once(account):
    """The answer to its COMMIT was lost, and the mails are in doubt again by the time it is repeated."""
    _, rows = in_doubt(account)
    seen = {mail.id: mail.claim_id for mail in mails()}
    assert decisions.send_again(ALICE, 7) == 10
    hold, rows = claim(account)
    claims.intend(rows)
    claims.settle(Outcome(row, "unknown") for row in rows)
    again = lambda: decisions._decide_slice(7, "unknown", decisions._AGAIN, seen)  # noqa: E731
    assert db.transaction(crm_db, again) == 0
    assert statuses() == {"unknown": 10}


def test_pages_show_every_mail_once_in_the_order_of_time(account):
    in_doubt(account, mails=23)
    found, after = [], None
    while page := decisions.list_rows(ALICE, 7, "unknown", after, limit=5):
        found += page
        after = page[-1].due_at, page[-1].id
    assert [mail.id for mail in found] == [mail.id for mail in sorted(mails(), key=lambda m: (m.due_at, m.id))]
    assert len(found) == 23
    failed(account, "hard", "soft", campaign_id=8)
    assert [mail.reply_class for mail in decisions.list_rows(ALICE, 8, "failed", reply_class="soft")] == ["soft"]


@pytest.mark.parametrize("after", [None, (1, 1)])
def test_pages_need_no_sort(engine, account, after):
    running_campaign(mails=2_000)
    with db.session(crm_db):
        Mail.update(status="unknown", due_at=Mail.id % 50).execute()
        query, params = decisions._page(7, "unknown", decisions._ALL, after, 50).sql()
        if engine == "mysql":
            crm_db.execute_sql("ANALYZE TABLE mail_blaster").fetchall()
            plan = crm_db.execute_sql("EXPLAIN " + query, params).fetchone()
            assert "campaign_id_status_due_at" in plan[5], plan
            assert "filesort" not in (plan[9] or "")
        else:
            plan = crm_db.execute_sql("EXPLAIN QUERY PLAN " + query, params).fetchall()
            assert any("campaign_id_status_due_at" in row[3] for row in plan), plan
            assert not any("TEMP B-TREE" in row[3] for row in plan)


def test_failures_are_grouped_the_largest_first(account):
    failed(account, "soft", "hard", "soft", None)
    found = decisions.failed_by_class(ALICE, 7)
    assert [(group.reply_class, group.count) for group in found][0] == ("soft", 2)
    assert {(group.reply_class, group.count) for group in found} == {("soft", 2), ("hard", 1), ("", 1)}
    assert found[0].example.smtp_text == "no: soft"
    running_campaign(campaign_id=8, mails=3)
    assert decisions.failed_by_class(ALICE, 8) == []


def test_a_worker_sends_what_was_decided_after_the_end(databases, sink):
    lost, refused = "r13@example.net", "r14@example.net"
    sink.play(
        Rule("dot", "swallow", recipient=lost, times=1),
        Rule("rcpt", "reply", "550 5.1.1 no such user", recipient=refused, times=1),
    )
    server_with_account(host=sink.host, port=sink.port)
    running_campaign(mails=20)
    with worker(databases):
        wait_until(has_finished)
        assert statuses() == {"sent": 18, "unknown": 1, "failed": 1}
        assert decisions.send_again(ALICE, 7) == decisions.retry_failed(ALICE, 7, {"hard"}) == 1
        wait_until(lambda: statuses() == {"sent": 20})
        wait_until(has_finished)
    received = Counter(record.recipient for record in sink.records())
    assert received[lost] == 2  # the copy that its owner has agreed to
    assert received[refused] == 1
    assert sum(received.values()) == 21
    assert_books_balance()


def has_finished() -> bool:
    return control.state(ALICE, 7).run_state == "finished"
