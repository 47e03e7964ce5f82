"""Plans that raise a daily limit step by step, and the budgets that follow them."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blaster import db, warmup
from blaster.db import crm_db
from blaster.models.bounces import Bounce
from blaster.models.crm_db import Mail, SmtpAccount
from blaster.queue import claims, leases, quota, warming
from blaster.queue.claims import Outcome
from blaster.rehearsal import Account, Campaign, simulate
from blaster.warmup import DAY
from blaster.web import outlook
from blaster.web.supply import Line
from tests import queue_data
from tests.queue_data import ALICE, running_campaign, server_with_account
from tests.test_forecast import NOW, Walk
from tests.test_quota import peak

HOUR = 60 * 60_000
START = 1_000 * DAY


def account(start=20, limit=500, begins=START):
    return SimpleNamespace(daily_limit=limit, warmup_start=start, warmup_from=begins)


def test_it_grows_by_half_each_day_until_the_limit():
    assert list(warmup.steps(account())) == [20, 30, 45, 67, 101, 151, 227, 341, 500]
    assert [warmup.daily_limit(account(), START + day * DAY) for day in (0, 1, 8, 400)] == [20, 30, 500, 500]


def test_before_its_first_day_it_is_as_on_that_day():
    assert warmup.daily_limit(account(), START - 5 * DAY) == 20
    assert warmup.next_step(account(), START - 5 * DAY) == START + DAY


def test_without_a_plan_the_limit_stands():
    assert warmup.daily_limit(account(start=0), START) == 500
    assert warmup.progress(account(start=0), START) is None


def test_it_says_where_it_stands():
    assert warmup.progress(account(), START + 2 * DAY + 5) == warmup.Progress(3, 9, 45, START + 3 * DAY)
    assert warmup.progress(account(), START + 8 * DAY) is None


@given(st.integers(0, 2_000), st.integers(0, 1_000_000), st.integers(-50, 500), st.integers(0, DAY - 1))
def test_it_never_falls_and_never_exceeds_the_limit(start, limit, day, offset):
    plan = account(start, limit)
    now = START + day * DAY + offset
    figure, step = warmup.daily_limit(plan, now), warmup.next_step(plan, now)
    assert figure <= limit
    assert warmup.daily_limit(plan, now + DAY) >= figure
    if step is not None:
        assert warmup.daily_limit(plan, step - 1) == figure


def warming_account(clock, **values):
    _, made = server_with_account(hourly=1_000, daily=100)
    with db.session(crm_db):
        SmtpAccount.update(warmup_from=clock.at, **values).execute()
        return SmtpAccount.get_by_id(made.id)


def test_budgets_wait_for_the_next_step_where_that_comes_first(clock):
    made = warming_account(clock, warmup_start=10)
    clock.advance(23 * HOUR)
    with db.session(crm_db):
        quota.charge([(made.id, quota.bucket_of(clock.at), 10)])
    found = quota.budgets(ALICE)[made.id]
    assert (found.day_limit, found.left, found.binding) == (10, 0, "daily limit")
    assert found.next_at == made.warmup_from + DAY
    clock.at = found.next_at
    assert quota.budgets(ALICE)[made.id].left == 5


def a_day(made, hold, bad: int = 0, kind: str = "hard") -> int:
    """Send all that may be sent on this day of the plan; of so many a server says no. Returns how many were tried."""
    rows, _ = queue_data.claim(ALICE, made.smtp_server_id, made.id, 7, hold, 1_000)
    claims.intend(rows)
    said = {row.id: Outcome(row, "failed", reply_class=kind, code=550) for row in rows[:bad]}
    claims.settle([said.get(row.id) or Outcome(row, "sent") for row in rows])
    return len(rows)


def of_tomorrow(clock, made) -> tuple[int, bool]:
    """A day later: how many plans were held, and the account's limit then."""
    clock.advance(DAY + HOUR)
    held = warming.judge()
    assert warming.judge() == 0, "each day is judged once"
    return held, quota.budgets(ALICE)[made.id].day_limit


def test_a_plan_stays_where_it_is_while_too_much_comes_back(clock):
    made = warming_account(clock, warmup_start=40)
    running_campaign(mails=2_000)
    hold, limits = leases.take("server:1", "host:1", 40 * DAY), []
    for bad in (0, 0, 3, 3, 0, 0):  # of 40, 60, 90, 90, 90, 100
        a_day(made, hold, bad)
        limits.append(of_tomorrow(clock, made))
    assert limits == [(0, 60), (0, 90), (1, 90), (1, 90), (0, 100), (0, 100)]
    with db.session(crm_db):
        held = SmtpAccount.get_by_id(made.id)
    assert held.warmup_from == made.warmup_from + 2 * DAY
    assert held.warmup_reason == "3.3 % of the addresses did not exist" and not warmup.is_held(held, clock.at)
    assert warmup.is_held(held, held.warmup_held + HOUR)


@pytest.mark.parametrize(
    ("bad", "kind", "held"),
    [(0, "hard", 0), (1, "hard", 1), (1, "quota", 0), (2, "block", 1), (1, "block", 0), (5, "message", 0)],
)
def test_only_what_tells_against_the_sender_holds_it(clock, bad, kind, held):
    made = warming_account(clock, warmup_start=40)
    running_campaign(mails=100)
    a_day(made, leases.take("server:1", "host:1", 9 * DAY), bad, kind)
    assert of_tomorrow(clock, made)[0] == held


@pytest.mark.parametrize(("kind", "held"), [("hard", 1), ("complaint", 1), ("soft", 0)])
def test_what_comes_back_later_counts_too(clock, kind, held):
    made = warming_account(clock, warmup_start=40)
    running_campaign(mails=100)
    a_day(made, leases.take("server:1", "host:1", 9 * DAY))
    with db.session(crm_db):
        mail = Mail.get(Mail.status == "sent")
        same = {"user_id": ALICE, "campaign_id": 7, "kind": "bounce", "bounce_class": kind, "created_at": clock.at}
        Bounce.create(mail_id=mail.id, digest="1", **same)
        Bounce.create(mail_id=None, digest="2", **same)  # nobody knows what it is about
    assert of_tomorrow(clock, made)[0] == held


def test_few_mails_and_other_accounts_tell_nothing(clock):
    made = warming_account(clock, warmup_start=19)
    other = server_with_account(hourly=1_000)[1]
    running_campaign(mails=100)
    a_day(made, leases.take("server:1", "host:1", 9 * DAY), 5)
    a_day(other, leases.take(f"server:{other.smtp_server_id}", "host:1", 9 * DAY), 50)
    assert of_tomorrow(clock, made) == (0, 28)


def test_a_plan_that_was_begun_anew_is_judged_from_its_first_day(clock):
    made = warming_account(clock, warmup_start=40)
    clock.advance(3 * DAY)
    assert warming.judge() == 0
    with db.session(crm_db):
        SmtpAccount.update(warmup_from=clock.at).execute()
    running_campaign(mails=100)
    a_day(made, leases.take("server:1", "host:1", 9 * DAY), 2)
    assert warming.judge() == 0
    assert of_tomorrow(clock, made) == (1, 40)


def test_a_month_of_sending_follows_the_plan_and_never_passes_it(clock):
    """Every two hours all that may be claimed is sent."""
    made = warming_account(clock, warmup_start=4)
    running_campaign(mails=1_400)
    hold, sent, plan = leases.take("server:1", "host:1", 40 * DAY), [], list(warmup.steps(made))
    for _ in range(16 * 12):
        rows, _ = queue_data.claim(ALICE, made.smtp_server_id, made.id, 7, hold, 200)
        claims.intend(rows)
        claims.settle([Outcome(row, "sent") for row in rows])
        sent += [clock.at] * len(rows)
        clock.advance(2 * HOUR)
    for day in range(16):
        until = made.warmup_from + (day + 1) * DAY
        before = [at for at in sent if at < until]
        assert peak([at for at in before if at >= until - DAY], DAY) <= plan[min(day, len(plan) - 1)]
    assert peak(sent, DAY) == 100
    assert len(sent) >= 0.85 * (sum(plan) + 100 * (16 - len(plan)))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_forecast_reckons_with_the_plan(clock, monkeypatch):
    """What the pages reckon with, against a run of the real claims: within 5 %."""
    clock.at = NOW
    walk = Walk(clock, [Account(50, 500, rate=Walk.RATE)] * 2, [Campaign(1, 1_500)])
    with db.session(crm_db):
        SmtpAccount.update(warmup_start=20, warmup_from=NOW - NOW % DAY).execute()
        warming_up = list(SmtpAccount.select())
    monkeypatch.setattr(outlook, "now", lambda: clock.at)
    lines = [Line(account, None, None, "ok") for account in warming_up]
    foretold = simulate(outlook._accounts(lines, Walk.RATE), [Campaign(1, 1_500)], NOW).finish[1] - NOW
    without = simulate(walk.specs, [Campaign(1, 1_500)], NOW).finish[1] - NOW
    taken = walk.run()[1] - NOW
    assert abs(taken - foretold) <= 0.05 * taken, (taken / HOUR, foretold / HOUR)
    assert taken > 6 * DAY > 2 * DAY > without
