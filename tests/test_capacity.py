from datetime import UTC, datetime

import pytest

from blaster import campaigns, capacity, db, recipients, servers, windows
from blaster.capacity import demand
from blaster.capacity.demand import Balance, hours_to_clear
from blaster.capacity.supply import Left
from blaster.models.campaign_db import Campaign, CampaignStatus, User
from blaster.models.crm_db import SmtpAccount, SmtpHealth
from blaster.models.minutes import CampaignMinute
from blaster.queue import control, leases, quota, tally
from blaster.rehearsal import Account, simulate
from blaster.rehearsal import Campaign as Planned
from tests.queue_data import running_campaign

ALICE, BOB, CHARLIE = 1, 2, 3

# As the operator's guide has them.
GUIDE_LOAD = """
SELECT
    COUNT(DISTINCT cs.campaign_id) as active_campaigns,
    COUNT(DISTINCT cm.user_id) as concurrent_users,
    SUM(cs.total_emails) as total_emails_in_queue,
    SUM(cs.pending_emails) as total_pending
FROM campaign_status cs
JOIN campaign_master cm ON cs.campaign_id = cm.campaign_id
WHERE cs.status = 'running'
"""
GUIDE_USERS = """
SELECT
    cm.user_id,
    COUNT(cs.campaign_id) as active_campaigns,
    SUM(cs.total_emails) as total_emails,
    SUM(cs.sent_emails) as sent_emails,
    SUM(cs.pending_emails) as pending_emails
FROM campaign_status cs
JOIN campaign_master cm ON cs.campaign_id = cm.campaign_id
WHERE cs.status = 'running'
GROUP BY cm.user_id
ORDER BY total_emails DESC
"""
GUIDE_ACCOUNTS = """
SELECT
    user_id,
    COUNT(*) as total_accounts,
    SUM(CASE WHEN is_active = 1 THEN 1 ELSE 0 END) as active_accounts,
    SUM(sent_today) as emails_sent_today,
    AVG(daily_limit) as avg_daily_limit
FROM smtp_accounts
WHERE user_id IS NOT NULL
GROUP BY user_id
ORDER BY emails_sent_today DESC
"""


def _guide(database, query):
    with db.session(database):
        return [tuple(int(number or 0) for number in row) for row in database.execute_sql(query).fetchall()]


def _campaign(user_id, status, total, sent, pending):
    campaign = campaigns.create_campaign(user_id, name="Spring")
    with db.session(db.campaign_db):
        values = {"status": status, "total_emails": total, "sent_emails": sent, "pending_emails": pending}
        CampaignStatus.update(**values).where(CampaignStatus.campaign_id == campaign.campaign_id).execute()


def _account(user_id, server_id, sent_today=0, **limits):
    account = servers.add_account(user_id, server_id, email="a@example.com", password="p", **limits)
    with db.session(db.crm_db):
        SmtpAccount.update(sent_today=sent_today).where(SmtpAccount.id == account.id).execute()
    return account


def _server(user_id):
    return servers.add_server(user_id, host="smtp.example.com", port=587, encryption="tls")


@pytest.fixture
def alice_and_bob(databases):
    with db.session(db.campaign_db):
        for user_id, name in ((ALICE, "Alice"), (BOB, "Bob")):
            User.create(id=user_id, name=name, email=name, password_hash="")


def test_load_is_that_of_the_guide(alice_and_bob):
    _campaign(ALICE, "running", 1_000, 400, 600)
    _campaign(ALICE, "running", 500, 0, 500)
    _campaign(BOB, "running", 9_000, 1, 8_999)
    for status in ("draft", "staging", "paused", "finished", "cancelled"):
        _campaign(CHARLIE, status, 100, 0, 100)
    found = capacity.monitoring()
    load = (found.load.active_campaigns, found.load.concurrent_users)
    assert [(*load, found.load.total_emails_in_queue, found.load.total_pending)] == _guide(db.campaign_db, GUIDE_LOAD)
    users = [(u.user_id, u.active_campaigns, u.total_emails, u.sent_emails, u.pending_emails) for u in found.users]
    assert users == _guide(db.campaign_db, GUIDE_USERS) == [(BOB, 1, 9_000, 1, 8_999), (ALICE, 2, 1_500, 400, 1_100)]
    assert [user.name for user in found.users] == ["Bob", "Alice"]


def test_accounts_are_those_of_the_guide(alice_and_bob):
    for user_id, sent_today, count in ((ALICE, 5, 2), (BOB, 70, 1)):
        server = _server(user_id)
        for _ in range(count):
            account = _account(user_id, server.id, sent_today, daily_limit=501, hourly_limit=50)
        servers.set_account_active(user_id, account.id, user_id == BOB)
    found = capacity.monitoring().accounts
    rows = [(a.user_id, a.total_accounts, a.active_accounts, a.emails_sent_today, a.avg_daily_limit) for a in found]
    assert rows == _guide(db.crm_db, GUIDE_ACCOUNTS) == [(BOB, 1, 1, 70, 501), (ALICE, 2, 1, 10, 501)]
    assert [line.name for line in found] == ["Bob", "Alice"]


def test_what_is_left_agrees_with_the_budgets(alice_and_bob):
    server, switched_off = _server(ALICE), _server(ALICE)
    with db.session(db.crm_db):
        now = db.now(db.crm_db)
    usage = [(0, 0), (quota.bucket_of(now), 30), (now - quota.HOUR, 3), (now - quota.HOUR - quota.BUCKET, 5)]
    usage += [(now - quota.DAY + quota.HOUR, 470), (now - quota.DAY - quota.HOUR, 900), (now, 700)]
    for instant, taken in usage:
        account = _account(ALICE, server.id, daily_limit=500, hourly_limit=50)
        with db.session(db.crm_db):
            quota.charge([(account.id, quota.bucket_of(instant), taken)])
    open_ids = set(quota.budgets(ALICE))
    _account(ALICE, switched_off.id, daily_limit=500, hourly_limit=50)
    servers.set_server_active(ALICE, switched_off.id, False)
    servers.set_account_active(ALICE, _account(ALICE, server.id, daily_limit=9, hourly_limit=9).id, False)
    found = capacity.monitoring()
    budgets = [budget for account_id, budget in quota.budgets(ALICE, now=found.now).items() if account_id in open_ids]
    assert found.left.now == sum(budget.left for budget in budgets)
    assert found.left.day_left == sum(budget.day_left for budget in budgets)


def test_leases_that_are_alive_are_shown(databases):
    leases.take("worker:one", "host-1:77", 60_000)
    leases.take("server:7", "host-1:77", 60_000)
    leases.take("campaign:3", "host-2:78", 0)
    found = capacity.monitoring()
    assert [(held.kind, held.name, held.owner) for held in found.leases] == [
        ("server", "server:7", "host-1:77"),
        ("worker", "worker:one", "host-1:77"),
    ]
    assert [held.owner for held in found.workers] == ["host-1:77"]
    assert found.workers[0].expires_at > found.now


def test_queue_counts_campaigns_that_have_not_ended(databases):
    for campaign_id, user_id in ((7, ALICE), (8, BOB), (9, BOB)):
        running_campaign(user_id, campaign_id, mails=10)
    with db.session(db.crm_db):
        tally.add(7, 4, {"pending": -3, "sent": 2, "failed": 1})
    control.pause(ALICE, 7)
    control.cancel(BOB, 9)
    while not control.close_cancelled(9):
        pass
    queue = capacity.monitoring().queue
    assert {state: n for state, n in queue.items() if n} == {"pending": 17, "sent": 2, "failed": 1}


def test_new_installation_has_figures_too(databases):
    found = capacity.monitoring()
    assert found.load == capacity.Load(0, 0, 0, 0)
    assert (found.users, found.accounts, found.leases, sum(found.queue.values())) == ([], [], [], 0)


def test_nothing_of_the_mail_is_shown(alice_and_bob):
    customers = recipients.create_list(ALICE, "Canary list")
    recipients.import_csv(ALICE, customers.id, "canary@example.com\n")
    _campaign(ALICE, "running", 1, 0, 1)
    _account(ALICE, _server(ALICE).id, daily_limit=1, hourly_limit=1)
    running_campaign(ALICE, mails=1)
    shown = repr(capacity.monitoring()).lower()
    for secret in ("canary", "@", "spring", "smtp.example.com"):
        assert secret not in shown


def test_the_next_hour_and_day_agree_with_the_rules_of_the_queue(alice_and_bob):
    """What the simulation of the claims, which a test of its own compares with real ones, would send."""
    server = _server(ALICE)
    with db.session(db.crm_db):
        now = db.now(db.crm_db)
    accounts = []
    for taken in ({}, {0: 50}, {quota.HOUR // 2: 30}, {2 * quota.HOUR: 480, 0: 5}, {quota.DAY - quota.HOUR // 2: 495}):
        account = _account(ALICE, server.id, daily_limit=500, hourly_limit=50)
        usage = tuple((quota.bucket_of(now - ago), mails) for ago, mails in taken.items())
        with db.session(db.crm_db):
            quota.charge([(account.id, *used) for used in usage])
        accounts.append(Account(50, 500, usage=usage, rate=1_000))
    left = capacity.monitoring().left
    run = simulate(accounts, [Planned(1, 100_000)], now)
    sent = {hours: _sent_within(accounts, now, hours) for hours in (1, 24)}
    assert run.finish[1]
    assert left.hour == pytest.approx(sent[1], abs=10)
    assert left.day == pytest.approx(sent[24], rel=0.05)


def _sent_within(accounts, now, hours):
    """The largest campaign that is finished by then."""
    low, high = 0, 10_000
    while low < high:
        mails = (low + high + 1) // 2
        finish = simulate(accounts, [Planned(1, mails)], now).finish[1]
        low, high = (mails, high) if finish <= now + hours * quota.HOUR else (low, mails - 1)
    return low


@pytest.mark.parametrize(
    ("mails", "left", "hours"),
    [
        (0, Left(), 0),
        (10, Left(), None),
        (10, Left(0, 0, 0, 0, 50, 0), None),
        (50, Left(50, 50, 500, 500, 50, 500), 1),
        (100, Left(0, 50, 500, 500, 50, 500), 2),
        (500, Left(50, 50, 500, 500, 50, 500), 10),
        (1_000, Left(50, 50, 500, 500, 50, 500), 48),
        (1_500, Left(0, 0, 250, 0, 50, 500), 24 * 3.5),
    ],
)
def test_hours_to_clear(mails, left, hours):
    assert hours_to_clear(mails, left) == hours


@pytest.mark.parametrize(
    ("mails", "left", "state"),
    [
        (10, Left(), "starves"),
        (10, Left(now=0, hour=5, day=100, hour_limit=5, day_limit=100), "waits"),
        (200, Left(now=5, hour=5, day=100, hour_limit=5, day_limit=100), "behind"),
        (100, Left(now=5, hour=5, day=100, hour_limit=5, day_limit=100), "flows"),
        (0, Left(), "flows"),
    ],
)
def test_a_user_starves_waits_or_flows(mails, left, state):
    assert Balance(ALICE, "", 1, mails, left).state == state


def test_demand_stands_against_the_supply_of_each_user(alice_and_bob):
    for user_id, pending in ((ALICE, 600), (ALICE, 30), (BOB, 8_000)):
        _campaign(user_id, "running", 9_000, 0, pending)
    _account(ALICE, _server(ALICE).id, daily_limit=1_000, hourly_limit=100)
    found = capacity.monitoring()
    rows = [(row.name, row.campaigns, row.mails, row.left.now, row.state) for row in found.balances]
    assert rows == [("Bob", 1, 8_000, 0, "starves"), ("Alice", 2, 630, 100, "flows")]
    assert (found.total.mails, found.total.left.now, found.total.clears_in) == (8_630, 100, None)
    assert found.balances[1].clears_in == pytest.approx(6.3)


def test_accounts_in_trouble_are_no_supply(alice_and_bob):
    server = _server(ALICE)
    states = (("ok", 0), ("cooling", 30), ("cooling", 90), ("attention", 0))
    for state, minutes in states:
        account = _account(ALICE, server.id, daily_limit=500, hourly_limit=50)
        with db.session(db.crm_db):
            until = db.now(db.crm_db) + minutes * 60_000
            values = {"smtp_server_id": server.id, "smtp_account_id": account.id, "user_id": ALICE}
            SmtpHealth.create(**values, state=state, until=until)
    left = capacity.monitoring().left
    assert (left.now, left.hour, left.day) == (50, 100, 1_500)


def test_campaigns_that_stand_still_are_named_with_the_reason(alice_and_bob):
    with db.session(db.campaign_db):
        now = db.now(db.campaign_db)
    for user_id in (ALICE, ALICE, BOB):
        _campaign(user_id, "running", 10, 0, 10)
    _account(ALICE, _server(ALICE).id, daily_limit=500, hourly_limit=50)
    with db.session(db.campaign_db):
        CampaignStatus.update(started_at=now - 3_600_000, snapshot_at=now).execute()
        lively, *still = [row.campaign_id for row in CampaignStatus.select().order_by(CampaignStatus.campaign_id)]
        CampaignMinute.create(campaign_id=lively, minute=now - 60_000, sent=5)
        Campaign.update(send_windows=_another_day(now)).where(Campaign.campaign_id == still[0]).execute()
    assert {row.why for row in capacity.monitoring().stalled} == {demand.NO_WORKER}
    leases.take("worker:one", "host-1:77", 60_000)
    found = capacity.monitoring()
    assert [(row.campaign_id, row.why) for row in found.stalled] == [
        (still[0], demand.HOURS),
        (still[1], demand.NO_ACCOUNT),
    ]
    assert found.oldest == now - 3_600_000
    assert found.hosts == [("host-1", 1, 0)]


def _another_day(now):
    today = datetime.fromtimestamp(now / 1000, UTC).weekday()
    return windows.store(windows.Windows("UTC", ((today + 3) % 7,), 8 * 60, 9 * 60))


def test_databases_tell_their_size_and_connections(databases, engine):
    for store in capacity.monitoring().stores:
        assert store.size > 50_000
        if engine == "mysql":
            assert store.engine in ("MariaDB", "MySQL")
            assert 1 <= store.used <= store.most_used <= store.connections
        else:
            assert (store.engine, store.used, store.connections) == ("SQLite", 0, 0)


def test_counters_that_are_not_renewed_are_behind(alice_and_bob):
    _campaign(ALICE, "running", 10, 0, 10)
    for ago, is_late in ((5_000, False), (90_000, True)):
        with db.session(db.campaign_db):
            CampaignStatus.update(snapshot_at=db.now(db.campaign_db) - ago).execute()
        found = capacity.monitoring()
        assert found.lag >= ago
        assert found.is_late == is_late
