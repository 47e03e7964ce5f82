"""Plans that raise a daily limit step by step, and the budgets that follow them."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from blaster import db, warmup
from blaster.db import crm_db
from blaster.models.crm_db import SmtpAccount
from blaster.queue import claims, leases, quota
from blaster.queue.claims import Outcome
from blaster.warmup import DAY
from tests import queue_data
from tests.queue_data import ALICE, running_campaign, server_with_account
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


def warming(clock, **values):
    _, made = server_with_account(hourly=1_000, daily=100)
    with db.session(crm_db):
        SmtpAccount.update(warmup_from=clock.at, **values).execute()
        return SmtpAccount.get_by_id(made.id)


def test_budgets_wait_for_the_next_step_where_that_comes_first(clock):
    made = warming(clock, warmup_start=10)
    clock.advance(23 * HOUR)
    with db.session(crm_db):
        quota.charge([(made.id, quota.bucket_of(clock.at), 10)])
    found = quota.budgets(ALICE)[made.id]
    assert (found.day_limit, found.left, found.binding) == (10, 0, "daily limit")
    assert found.next_at == made.warmup_from + DAY
    clock.at = found.next_at
    assert quota.budgets(ALICE)[made.id].left == 5


def test_a_month_of_sending_follows_the_plan_and_never_passes_it(clock):
    """Every two hours all that may be claimed is sent."""
    made = warming(clock, warmup_start=4)
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
