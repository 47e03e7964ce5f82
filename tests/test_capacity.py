import pytest

from blaster import campaigns, capacity, db, recipients, servers
from blaster.models.campaign_db import CampaignStatus, User
from blaster.models.crm_db import SmtpAccount
from blaster.queue import control, leases, quota, tally
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
            User.create(id=user_id, name=name, email=name, password_hash="", session_token="")


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
    assert found.hour_left == sum(budget.left for budget in budgets)
    assert found.day_left == sum(budget.day_left for budget in budgets)


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
