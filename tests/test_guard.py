"""Guard rails: campaigns that do harm stop, domains that refuse rest, mails to big providers are counted."""

import pytest
from peewee import fn

from blaster import db, suppressions
from blaster.db import crm_db
from blaster.demo.faults import Rule
from blaster.errors import NotFound
from blaster.models.bounces import CampaignBounces, CampaignGuard, DomainPause, ProviderCount
from blaster.models.crm_db import CampaignContent, Mail, SmtpAccount, SmtpServer
from blaster.queue import control, domains, guard, lately, providers, tally
from blaster.queue.guard import Rate
from blaster.workers import writer
from blaster.workers.guarding import Guarding
from blaster.workers.holds import Holds
from tests.queue_data import ALICE, BOB, running_campaign, server_with_account, statuses
from tests.work import wait_until, worker

one_engine = pytest.mark.parametrize("engine", ["sqlite"])


def campaign(sent=0, hard=0, block=0, campaign_id=7, user_id=ALICE) -> int:
    """A running campaign with rows as if they had been sent, and others refused while they were sent."""
    running_campaign(user_id, campaign_id, sent + hard + block + 1)
    with db.session(crm_db):
        at = db.now(crm_db) - 60_000
        mine = Mail.select(Mail.id).where(Mail.campaign_id == campaign_id).order_by(Mail.id).tuples()
        ids = [row_id for (row_id,) in mine]
        for status, reply_class, n in (("sent", "sent", sent), ("failed", "hard", hard), ("failed", "block", block)):
            some, ids = ids[:n], ids[n:]
            values = {"status": status, "reply_class": reply_class, "due_at": at, "smtp_text": f"said {reply_class}"}
            Mail.update(**values).where(Mail.id.in_(some)).execute()
        tally.add(campaign_id, 0, {"pending": -sent - hard - block, "sent": sent, "failed": hard + block})
    return campaign_id


def bounced(campaign_id=7, **counts) -> None:
    with db.session(crm_db):
        CampaignBounces.replace(campaign_id=campaign_id, user_id=ALICE, **counts).execute()


def look() -> int:
    return guard.look([7, 8])


def run_state(campaign_id=7) -> str:
    return control.state(ALICE, campaign_id).run_state


@pytest.mark.parametrize(
    ("kind", "count", "mails", "level"),
    [
        ("hard", 0, 1_000, ""),
        ("hard", 199, 199, ""),
        ("hard", 10, 200, "stop"),
        ("hard", 9, 200, "warning"),
        ("hard", 3, 200, ""),
        ("hard", 20, 1_000, "warning"),
        ("hard", 49, 1_000, "warning"),
        ("hard", 50, 1_000, "stop"),
        ("complaint", 2, 1_000, "warning"),
        ("complaint", 3, 1_000, "stop"),
        ("complaint", 9, 10_000, ""),
        ("complaint", 10, 10_000, "warning"),
        ("complaint", 1, 200, "stop"),
    ],
)
def test_levels(kind, count, mails, level):
    assert Rate(kind, count, mails).level == level


def test_what_servers_refused_and_what_came_back_counts_together(databases):
    campaign(sent=192, hard=8)
    assert look() == 0
    bounced(hard=1)
    assert look() == 0
    assert [rate.level for rate in guard.outlook(ALICE, 7)[0]] == ["warning", ""]
    bounced(hard=2)
    assert look() == 1
    assert run_state() == "paused"
    assert control.state(ALICE, 7).note.startswith("10 of 200 addresses do not exist (5.0 %).")
    assert guard.outlook(ALICE, 7)[1] == "hard"


def test_refusals_of_other_kinds_do_not_count(databases):
    campaign(sent=150, hard=2, block=100)
    bounced(hard=2, block=50, quota=50, soft=50)
    assert look() == 0
    assert [rate.count for rate in guard.outlook(ALICE, 7)[0]] == [4, 0]


@one_engine
def test_refused_rows_are_counted_again_when_they_could_be_too_many(databases):
    """And when its owner took some up again: the limit is neither passed unseen nor reached by what is no more."""
    campaign(sent=950, hard=49, block=1)
    assert look() == 0
    with db.session(crm_db):
        Mail.update(reply_class="hard").where(Mail.reply_class == "block").execute()
        tally.add(7, 0, {"sent": -1, "failed": 1})
    assert look() == 1
    guard.understood(ALICE, 7)
    control.resume(ALICE, 7)
    with db.session(crm_db):
        Mail.update(status="pending").where(Mail.status == "failed").execute()
        tally.add(7, 0, {"pending": 51, "failed": -51})
    assert look() == 0
    with db.session(crm_db):
        assert CampaignGuard.get().refused == 0


@one_engine
def test_complaints_stop_a_campaign(databases):
    campaign(sent=1_000)
    bounced(complaint=2)
    assert look() == 0
    bounced(complaint=3)
    assert look() == 1
    assert "3 of 1,000 recipients reported the mail as spam (0.3 %)" in control.state(ALICE, 7).note


@one_engine
def test_nothing_is_judged_before_two_hundred_mails(databases):
    campaign(sent=100, hard=99)
    bounced(complaint=50)
    assert look() == 0
    assert run_state() == "running"


@one_engine
def test_its_owner_may_go_on_and_then_only_what_comes_after_counts(databases):
    campaign(sent=180, hard=20)
    look()
    guard.understood(ALICE, 7)
    control.resume(ALICE, 7)
    assert guard.outlook(ALICE, 7)[1] == ""
    assert look() == 0
    with db.session(crm_db):
        tally.add(7, 0, {"sent": 200})
    bounced(hard=9)
    assert look() == 0
    bounced(hard=10)
    assert look() == 1
    assert "10 of 200" in control.state(ALICE, 7).note


@one_engine
def test_strangers_neither_see_nor_answer(databases):
    campaign(sent=180, hard=20)
    look()
    rates, held = guard.outlook(BOB, 7)
    assert ([rate.count for rate in rates], held) == ([0, 0], "")
    with pytest.raises(NotFound):
        guard.understood(BOB, 7)
    assert guard.outlook(ALICE, 7)[1] == "hard"


def watched(monkeypatch) -> list[tuple[int, int, int]]:
    """(hard, tried, allowed now) at each intent of a worker, from the rows themselves."""
    seen, intend = [], writer.claims.intend

    def watching(rows):
        with db.session(crm_db):
            tried = Mail.status.in_(("sent", "failed", "unknown"))
            counted = Mail.select(fn.SUM(Mail.reply_class == "hard"), fn.COUNT(Mail.id)).where(tried).tuples().first()
        allowed = intend(rows)
        seen.append((int(counted[0] or 0), counted[1], len(allowed)))
        return allowed

    monkeypatch.setattr(writer.claims, "intend", watching)
    return seen


def is_held() -> bool:
    return run_state() == "paused" and not {"claimed", "sending"} & set(statuses())


def test_a_campaign_with_bad_addresses_pauses_before_the_next_mail_is_begun(databases, sink, monkeypatch):
    """Every tenth of 3,000 mails is refused, by two servers. Once the rows say so no other is begun: what goes out then
    was under way."""
    for _ in range(2):
        server_with_account(port=sink.port, hourly=10_000)
    running_campaign(mails=3_000)
    with db.session(crm_db):
        ids = [row_id for (row_id,) in Mail.select(Mail.id).tuples()]
        Mail.update(email="nobody@example.net").where(Mail.id.in_(ids[::10])).execute()
    sink.play(Rule("rcpt", "reply", "550 5.1.1 no such user", recipient="nobody@example.net"))
    seen = watched(monkeypatch)
    with worker(databases, worker_batch=40):
        wait_until(is_held)
    too_much = [allowed for hard, tried, allowed in seen if tried >= guard.AFTER and hard >= 0.05 * tried]
    assert not any(too_much)
    assert statuses()["pending"] > 1_500
    assert "addresses do not exist" in control.state(ALICE, 7).note


@one_engine
def test_whoever_a_server_did_not_know_is_suppressed_and_a_domain_that_blocks_rests(databases):
    campaign(sent=3, hard=2, block=3)
    holds = Holds("here:1", 60_000)
    Guarding(holds, list).work()
    assert [row.reason for row in suppressions.search(ALICE)] == ["hard", "hard"]
    (pause,) = domains.resting(ALICE)
    assert (pause.domain, pause.reason) == ("example.net", "said block")
    with db.session(crm_db):
        (waiting,) = Mail.select().where(Mail.status == "pending")
        assert waiting.due_at == pause.until
        assert CampaignGuard.get().looked_to > 0
    suppressions.lift(ALICE, suppressions.search(ALICE)[0].id, "new consent")
    Guarding(Holds("here:2", 60_000), list).work()  # the lease is taken: nothing is done
    again = Guarding(holds, list)
    again.work()
    assert len(suppressions.search(ALICE)) == 1  # what was looked at is not looked at again


@one_engine
def test_only_one_process_guards(databases):
    campaign(sent=3, hard=2)
    Holds("elsewhere:1", 60_000).take("guard")
    Guarding(Holds("here:1", 60_000), list).work()
    assert suppressions.search(ALICE) == []


def refuse(times: int = domains.FEWEST, reason: str = "unwanted") -> list[bool]:
    """So many refusals of mail to example.net; whether each made the domain rest."""
    return [domains.refused(ALICE, "example.net", reason) for _ in range(times)]


def test_a_domain_rests_longer_each_time_it_refuses(databases):
    for hours in (1, 4, 24, 24):
        assert refuse() == [False, False, True]
        assert refuse() == [False, False, False]  # those were under way already
        with db.session(crm_db):
            pause = DomainPause.get()
            assert abs(pause.until - db.now(crm_db) - hours * domains.HOUR) < 60_000
            DomainPause.update(until=db.now(crm_db)).execute()
    with db.session(crm_db):
        DomainPause.update(until=db.now(crm_db) - domains.FORGIVEN).execute()
    refuse(reason="again")
    (pause,) = domains.resting(ALICE)
    assert (pause.times, pause.reason) == (1, "again")
    assert domains.resting(BOB) == []


@one_engine
def test_a_domain_does_not_rest_for_few_refusals_or_long_ago_or_among_many_that_arrived(databases):
    campaign(sent=28)
    with db.session(crm_db):
        Mail.update(due_at=db.now(crm_db)).where(Mail.status == "sent").execute()
    assert refuse(3) == [False, False, False]  # 3 of 31
    with db.session(crm_db):
        DomainPause.update(since=DomainPause.since - domains.HOUR - 1).execute()
    assert refuse(4) == [False, False, False, True]


def test_only_mails_of_that_user_to_that_domain_are_put_off(databases):
    running_campaign(ALICE, 7, 4)
    running_campaign(BOB, 8, 2)
    with db.session(crm_db):
        first, second, third, _ = Mail.select().where(Mail.campaign_id == 7).order_by(Mail.id)
        Mail.update(email_key="zoe@sub.example.net").where(Mail.id == first.id).execute()
        Mail.update(status="sent").where(Mail.id == second.id).execute()
    refuse()
    (pause,) = domains.resting()
    assert domains.postpone(pause) == 2
    assert domains.postpone(pause) == 0
    with db.session(crm_db):
        due = dict(Mail.select(Mail.id, Mail.due_at).tuples())
    assert [due[first.id], due[second.id], due[third.id]] == [0, 0, pause.until]
    with db.session(crm_db):
        assert not Mail.select().where((Mail.campaign_id == 8) & (Mail.due_at > 0)).exists()


def test_a_domain_that_rests_is_released(databases):
    """What was put off is due again, a look that began before puts nothing off, and the next rest is longer."""
    running_campaign(ALICE, 7, 3)
    refuse()
    (pause,) = domains.resting(ALICE)
    assert domains.postpone(pause) == 3
    for stranger in ((BOB, "example.net"), (ALICE, "example.org")):
        with pytest.raises(NotFound):
            domains.release(*stranger)
    assert domains.release(ALICE, "example.net") == 3
    assert domains.resting() == [] and domains.postpone(pause) == 0
    with db.session(crm_db):
        assert not Mail.select().where(Mail.due_at > db.now(crm_db)).exists()
    with pytest.raises(NotFound):
        domains.release(ALICE, "example.net")
    assert refuse() == [False, False, True]
    assert domains.resting(ALICE)[0].times == 2


@pytest.mark.parametrize(
    ("domain", "provider"),
    [
        ("gmail.com", "gmail"),
        ("googlemail.com", "gmail"),
        ("outlook.com", "microsoft"),
        ("hotmail.co.uk", "microsoft"),
        ("live.fr", "microsoft"),
        ("msn.com", "microsoft"),
        ("yahoo.com.br", "yahoo"),
        ("ymail.com", "yahoo"),
        ("aol.com", "yahoo"),
        ("gmail.com.example.net", ""),
        ("notgmail.com", ""),
        ("example.net", ""),
        ("", ""),
    ],
)
def test_big_providers_are_known_by_their_domains(domain, provider):
    assert providers.of(domain) == provider


def test_mails_to_big_providers_are_counted_by_sender_domain_and_day(databases):
    campaign(sent=5)
    with db.session(crm_db):
        server = SmtpServer.create(user_id=ALICE, host="h")
        account = SmtpAccount.create(user_id=ALICE, smtp_server_id=server.id, email="news@Shop.example.com")
        Mail.update(smtp_account_id=account.id).execute()
        ids = [mail.id for mail in Mail.select().where(Mail.status == "sent").order_by(Mail.id)]
        for row_id, key in zip(ids, ("zoe@gmail.com", "ada@gmail.com", "zoe@hotmail.com"), strict=False):
            Mail.update(email_key=key).where(Mail.id == row_id).execute()
        now = db.now(crm_db)
        Mail.update(due_at=now - 10 * providers.DAY).where(Mail.id == ids[0]).execute()
    (row,) = control.open_controls("running")
    while providers.count(row, now):
        pass
    found = {(each.from_domain, each.provider): each.mails for each in providers.busiest(ALICE, now)}
    assert found == {("shop.example.com", "gmail"): 1, ("shop.example.com", "microsoft"): 1}
    assert providers.busiest(BOB, now) == []
    with db.session(crm_db):
        assert ProviderCount.select().count() == 3  # two days at Gmail
        CampaignContent.update(sender_email="me@other.example").execute()
        Mail.update(due_at=now).where(Mail.status == "sent").execute()
    while providers.count(row, now + lately.SETTLING):
        pass
    assert ("other.example", "gmail") in {(each.from_domain, each.provider) for each in providers.busiest(ALICE, now)}


@one_engine
def test_rows_are_told_once_and_not_before_their_transaction_must_have_ended(databases):
    campaign(sent=3)
    with db.session(crm_db):
        first, second, third = Mail.select().where(Mail.status == "sent").order_by(Mail.id)
        for mail, at in ((first, 100), (second, 100 + lately.STEP + 1), (third, 300_000)):
            Mail.update(due_at=at).where(Mail.id == mail.id).execute()
    told, mark, now = [], 0, 300_000 + lately.SETTLING - 1
    while rows := lately.since(7, "sent", mark, now, (Mail.id,))[0]:
        mark = lately.since(7, "sent", mark, now, (Mail.id,))[1]
        told += [row_id for (row_id,) in rows]
    assert told == [first.id, second.id]
    rows, _ = lately.since(7, "sent", mark, now + 1, (Mail.id,))
    assert rows == [(third.id,)]
