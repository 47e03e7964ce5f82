import csv
import re
from io import StringIO

import pytest

from blaster import campaigns, comparison, db
from blaster.models.bounces import CampaignBounces
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import Suppression

HOUR = 3_600_000
START = 1_785_000_000_000


def finished(user_id, name, *, sent, failed=0, hours=1, status="finished", hard=0, soft=0, complaint=0, gone=0) -> int:
    """A campaign of the past; `gone`: how many unsubscribed."""
    campaign_id = campaigns.create_campaign(user_id, name=name).campaign_id
    values = {"status": status, "total_emails": sent + failed, "sent_emails": sent, "failed_emails": failed}
    with db.session(db.campaign_db):
        times = {"started_at": START, "finished_at": START + hours * HOUR}
        CampaignStatus.update(**values, **times).where(CampaignStatus.campaign_id == campaign_id).execute()
    with db.session(db.crm_db):
        counts = {"hard": hard, "soft": soft, "complaint": complaint}
        CampaignBounces.create(campaign_id=campaign_id, user_id=user_id, **counts)
        for i in range(gone):
            key = f"r{i}.{campaign_id}@example.net"
            values = {"email": key, "email_key": key, "reason": "unsubscribe", "campaign_id": campaign_id}
            Suppression.create(user_id=user_id, **values)
    return campaign_id


@pytest.fixture
def three(alice, bob):
    finished(alice.user_id, "Spring", sent=900, failed=100, hours=2, hard=5, soft=4, complaint=1, gone=3)
    finished(alice.user_id, "autumn", sent=100, hours=1, hard=9)
    finished(alice.user_id, "Stopped", sent=5, status="cancelled")
    finished(bob.user_id, "Bob's own", sent=7, gone=1)
    return alice


def test_each_campaign_has_its_figures(three):
    spring = comparison.lines(three.user_id)[0]
    counts = (spring.sent, spring.failed, spring.bounces, spring.complaints, spring.unsubscribed)
    assert counts == (900, 100, 9, 1, 3)
    assert (spring.duration, spring.per_hour) == (2 * HOUR, 500)
    assert (spring.share("failed"), spring.share("bounces")) == (0.1, 0.01)


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(
    ("sort", "first"),
    [("sent", "Spring"), ("bounces", "autumn"), ("failed", "Spring"), ("finished", "Spring"), ("name", "Spring")]
    + [("duration", "Spring"), ("per_hour", "Spring"), ("unsubscribed", "Spring"), ("nonsense", "Spring")],
)
def test_any_column_sorts_both_ways(three, sort, first):
    names = [line.name for line in comparison.lines(three.user_id, sort)]
    assert names[0] == first
    assert [line.name for line in comparison.lines(three.user_id, sort, rising=True)] == names[::-1]


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_page_shows_finished_campaigns_of_ones_own(three):
    page = three.get("/campaigns/compare?sort=bounces").text
    assert page.index("autumn") < page.index("Spring")
    assert 'aria-sort="descending"' in page
    assert re.search(r"9<small class=\"muted\">9.00 %</small>", page)
    for other in ("Stopped", "Bob"):
        assert other not in page
    assert "/campaigns/compare" in three.get("/campaigns").text


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_file_has_the_same(three):
    rows = list(csv.reader(StringIO(three.get("/campaigns/compare.csv?sort=sent").data.decode("utf-8-sig"))))
    assert rows[1] == [
        *("Spring", "2026-07-25 17:20:00", "2026-07-25 19:20:00", "900", "100", "9", "1", "3"),
        *("7200", "500", "891", "", "", "10.00", "1.00", "0.11", "0.34", "", ""),
    ]
    assert len(rows) == 3


@pytest.mark.parametrize("engine", ["sqlite"])
def test_without_a_finished_campaign_it_leads_on(alice):
    assert "No campaign has finished yet" in alice.get("/campaigns/compare?sort=sent").text
