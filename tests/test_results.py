"""Opens and clicks from the start of a campaign to its archive, and what its page makes of them."""

import csv
import re
from io import StringIO
from urllib.parse import urlsplit

import pytest

from blaster import boot, campaigns, comparison, config, db, erased, recipients, results
from blaster.db import crm_db
from blaster.lists import dossier
from blaster.mail import tracking
from blaster.maintenance import steps
from blaster.models.bounces import CampaignBounces
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import CampaignControl, Mail, Suppression
from blaster.models.tracking import Hit, HitCount
from blaster.queue import control, erasure, hits, staging
from blaster.web import tracking as answers
from blaster.workers.messages import Messages

HTML = '<p><a href="https://shop.example/a">A</a> <a href="https://shop.example/b">B</a> {{ email }}</p>'
BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
LONG_AGO = 1_700_000_000_000
TRACKED = {"tracks_opens": True, "tracks_clicks": True}
sqlite = pytest.mark.parametrize("engine", ["sqlite"])


def started(user_id, mails=4, **tracks) -> int:
    """A campaign that was handed over and taken in, all of it sent."""
    people = recipients.create_list(user_id, "Walruses")
    recipients.import_csv(user_id, people.id, "email\n" + "".join(f"r{i}@example.net\n" for i in range(mails)))
    draft = campaigns.create_campaign(
        user_id, name="Spring", subject="Hi", html=HTML, list_id=people.id, sender_email="a@example.com", **tracks
    )
    campaign_id, stage_until = draft.campaign_id, campaigns.start(user_id, draft.campaign_id).stage_until
    control.open_campaign(user_id, campaign_id, people.id, stage_until, campaigns.content(draft))
    while not staging.stage_batch(control.state(user_id, campaign_id), 10):
        pass
    with db.session(crm_db):
        Mail.update(status="sent", due_at=LONG_AGO).execute()
        CampaignControl.update(run_state="finished", changed_at=1_000).execute()
    with db.session(db.campaign_db):
        sent = {"status": "finished", "sent_emails": mails, "started_at": LONG_AGO, "finished_at": LONG_AGO + 60_000}
        CampaignStatus.update(**sent).execute()
    return campaign_id


def rendered(databases, campaign_id, now=LONG_AGO) -> list[str]:
    """The mails of the campaign as a worker makes them, in the order of the rows."""
    settings = config.load(databases)
    messages = Messages(settings.secret_key.encode(), settings.public_url)
    messages.load(campaign_id)
    make = messages.get(campaign_id).render
    return [
        make(row_id=mail_id, email=address, fields={}, from_address="a@example.com", now=now)
        .decode()
        .replace("=\r\n", "")
        for mail_id, address in mails_of(campaign_id)
    ]


def mails_of(campaign_id):
    with db.session(crm_db):
        chosen = Mail.select(Mail.id, Mail.email).where(Mail.campaign_id == campaign_id)
        return list(chosen.order_by(Mail.id).tuples())


def paths(mail: str) -> list[str]:
    """The picture, then the links, as a mail carries them."""
    found = [urlsplit(url).path for url in re.findall(r"http://127.0.0.1:8025/[oc]/[\w-]+", mail)]
    return sorted(found, key=lambda path: path.startswith("/c/"))


@pytest.fixture
def tracked(databases, alice):
    """(campaign, paths of each of its mails)"""
    campaign_id = started(alice.user_id, **TRACKED)
    return campaign_id, [paths(mail) for mail in rendered(databases, campaign_id)]


def come(visitor, path, agent=BROWSER, method="GET", **headers):
    """What a mail program or a browser does."""
    headers = {"User-Agent": agent, **headers}
    return visitor.client.open(path, method=method, headers=headers, buffered=True)


def hits_now() -> list[tuple]:
    """(link, mark, by a machine) of each row."""
    with db.session(crm_db):
        return list(Hit.select(Hit.link, Hit.mark, Hit.is_machine).order_by(Hit.mail_id, Hit.link).tuples())


def age() -> None:
    """Let all hits so far be older than a burst."""
    with db.session(crm_db):
        Hit.update(at=Hit.at - 60_000).execute()


def test_a_campaign_tracks_nothing_unless_it_is_told_to(databases, alice):
    for mail in rendered(databases, started(alice.user_id)):
        assert '"https://shop.example/a"' in mail.replace("=3D", "=")
        assert "<img" not in mail and paths(mail) == []


def test_a_campaign_that_counts_marks_the_mails_of_its_workers(databases, tracked):
    campaign_id, mails = tracked
    key = config.load(databases).secret_key.encode()
    for (mail_id, _), urls in zip(mails_of(campaign_id), mails, strict=True):
        tickets = [tracking.read(path.rpartition("/")[2], key) for path in urls]
        assert [(each.row_id, each.campaign_id, each.link) for each in tickets] == [
            (mail_id, campaign_id, link) for link in (0, 1, 2)
        ]


def test_the_answers_need_nothing_and_leave_nothing_behind(visitor, tracked):
    picture, first, second = tracked[1][0]
    opened, clicked = come(visitor, picture), come(visitor, second)
    assert (opened.status_code, opened.mimetype, opened.data[:6]) == (200, "image/gif", b"GIF89a")
    assert (clicked.status_code, clicked.location) == (302, "https://shop.example/b")
    for answer in (opened, clicked):
        assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in answer.headers
    assert hits_now() == [(0, "", False), (2, "", False)]


@sqlite
def test_a_forged_token_leads_nowhere(visitor, tracked):
    picture, first, _ = (path.rpartition("/")[2] for path in tracked[1][0])
    changed = first[:-1] + ("A" if first[-1] != "A" else "B")
    for path in (f"/c/{picture}", f"/o/{first}", f"/c/{changed}", "/c/x?url=https://evil.example", "/o/x"):
        answer = come(visitor, path)
        assert answer.status_code == 404 and "evil" not in answer.text
    assert "This link does not work" in come(visitor, f"/c/{changed}").text and hits_now() == []


@pytest.mark.parametrize(
    ("visits", "row"),
    [
        ([BROWSER, "x (via ggpht.com GoogleImageProxy)"], ("", False)),
        (["Mozilla/5.0"], ("apple", True)),
        (["Mozilla/5.0", BROWSER], ("", False)),
        ([BROWSER, "Mozilla/5.0"], ("", False)),
        (["x (via ggpht.com GoogleImageProxy)"], ("gmail", False)),
        (["curl/8.5.0", "Mozilla/5.0"], ("program", True)),
    ],
)
def test_a_person_takes_the_place_of_a_machine_and_not_the_other_way_round(visitor, tracked, visits, row):
    for agent in visits:
        come(visitor, tracked[1][0][0], agent)
    assert hits_now() == [(0, *row)]


@sqlite
def test_who_comes_before_anybody_can_have_read_it_is_a_machine(databases, visitor, tracked):
    with db.session(crm_db):
        just_now = db.now(crm_db)
    picture, first, _ = paths(rendered(databases, tracked[0], just_now)[0])
    come(visitor, picture)
    come(visitor, first, method="HEAD")
    come(visitor, first)
    assert hits_now() == [(0, "early", True), (1, "head", True)]


def test_several_links_of_a_mail_at_once_are_a_machine(visitor, tracked):
    one, other = tracked[1][:2]
    come(visitor, one[1])
    come(visitor, other[2])
    come(visitor, one[2])
    assert hits_now() == [(1, "burst", True), (2, "burst", True), (2, "", False)]
    age()
    come(visitor, one[1])
    assert hits_now()[0] == (1, "", False)


@sqlite
def test_links_lead_on_while_server_2_is_away(databases, visitor, tracked, monkeypatch):
    monkeypatch.setattr(answers, "REST", 3_600)
    picture, first, _ = tracked[1][0]
    come(visitor, first)
    away = {**databases, "BLASTER_CRM_URL": "mysql://root@127.0.0.1:1/crm"}
    boot.boot(config.load(away))
    assert come(visitor, picture).status_code == 200
    assert come(visitor, first).location == "https://shop.example/a"
    visitor.client.application.extensions["tracking"].links.clear()
    answer = come(visitor, first)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3600") and "One moment" in answer.text
    boot.boot(config.load(databases))
    assert come(visitor, picture).status_code == 200  # it rests still, and asks nobody
    assert hits_now() == [(1, "", False)]


@pytest.fixture
def visited(alice, bob, tracked, visitor):
    """Alice, whose 4 mails were opened by 2 people (one by Gmail) and a machine; the 1st link was clicked by 2, the
    2nd by one of them; 1 of 4 came back, 1 complained, 1 of the others left a list and then all."""
    campaign_id, mails = tracked
    for mail, agent in zip(mails, (BROWSER, "x GoogleImageProxy", "Mozilla/5.0"), strict=False):
        come(visitor, mail[0], agent)
    for path in (mails[0][1], mails[1][1]):
        come(visitor, path)
    come(visitor, mails[2][1], "curl/8")
    age()
    come(visitor, mails[0][2])
    with db.session(crm_db):
        CampaignBounces.create(campaign_id=campaign_id, user_id=alice.user_id, hard=1, complaint=1)
        gone = {"email": "r1@example.net", "email_key": "r1@example.net", "reason": "unsubscribe"}
        for list_id in (0, 5):
            Suppression.create(user_id=alice.user_id, campaign_id=campaign_id, list_id=list_id, **gone)
    hits.count(campaign_id)
    return campaign_id


def test_people_and_machines_are_counted_once_a_mail(alice, visited):
    found = results.of(alice.user_id, visited)
    figures = found.figures
    assert (figures.sent, figures.delivered, figures.opened, figures.clicked) == (4, 3, 2, 2)
    assert found.machines == {results.OPENED: 1, results.CLICKED: 1}
    assert [(link.url[-1], link.people, link.machines) for link in found.links] == [("a", 2, 1), ("b", 1, 0)]
    assert {(each.mark, each.is_machine, each.opens, each.clicks) for each in found.traces} == {
        *(("", False, 1, 3), ("gmail", False, 1, 0), ("apple", True, 1, 0), ("program", True, 0, 1)),
    }
    shares = {name: round(figures.share(name), 3) for name in ("bounces", "unsubscribed", "complaints", "opened")}
    assert shares == {"bounces": 0.25, "unsubscribed": 0.333, "complaints": 0.333, "opened": 0.667}


@sqlite
def test_the_page_and_the_file_say_what_each_rate_is_a_part_of(alice, bob, visited):
    page = re.sub(r"\s+", " ", alice.get(f"/campaigns/{visited}/results").text)
    for words in ("25.00 %</strong>", "66.67 %", "3 delivered", "https://shop.example/a", "Opens are a guess"):
        assert words in page, words
    assert "Apple Mail Privacy Protection" in page and "Counted just now" in re.sub("<[^>]*>", "", page)
    rows = list(csv.reader(StringIO(alice.get(f"/campaigns/{visited}/results.csv").data.decode("utf-8-sig"))))
    assert ["opened", "", "2", "1", "delivered", "66.67"] in rows
    assert ["clicked link", "https://shop.example/b", "1", "0", "delivered", "33.33"] in rows
    (line,) = comparison.lines(alice.user_id)
    assert (line.opened, line.clicked, round(line.share("clicked"), 2)) == (2, 2, 0.67)
    assert "66.67 %" in alice.get("/campaigns/compare?sort=opened").text
    assert bob.get(f"/campaigns/{visited}/results").status_code == 404


@sqlite
def test_without_tracking_the_other_rates_stand_alone(alice):
    page = alice.get(f"/campaigns/{started(alice.user_id)}/results").text
    assert "carry nothing that tells who read them" in page and "Unsubscribed" in page
    assert "Machines only" not in page and "Opened" not in page
    assert "<span>–" in alice.get("/campaigns/compare").text


def test_an_archived_campaign_keeps_its_counts_and_its_links_and_forgets_who_it_was(
    databases, alice, visitor, tracked, visited
):
    before = results.of(alice.user_id, visited)
    list(steps.run(steps.Turn(config.load(databases)), ["archive"]))
    assert come(visitor, tracked[1][3][1]).location == "https://shop.example/a"
    hits.count(visited)
    after = results.of(alice.user_id, visited)
    assert hits_now() == [] and after.is_final and after.figures == before.figures and after.links == before.links


def test_an_erased_person_takes_their_opens_and_clicks_along(alice, visitor, tracked, visited):
    user_id, address = alice.user_id, "r0@example.net"
    told = dossier.as_json(dossier.of(user_id, address), 0)["opens_and_clicks"]
    assert [(each.get("opened"), each.get("clicked"), each["by"]) for each in told] == [
        (True, None, "a person"),
        (None, "https://shop.example/a", "a person"),
        (None, "https://shop.example/b", "a person"),
    ]
    assert "Clicked https://shop.example/a" in alice.get(f"/people/known?email={address}").text
    before = len(hits_now())
    erased.remember(user_id, address)
    erasure.erase(user_id, address, erased.hidden(user_id, address))
    erased.forget(user_id, address)
    come(visitor, tracked[1][0][0])
    assert len(hits_now()) == before - 3 and dossier.of(user_id, address).hits == []


@sqlite
def test_the_compose_page_has_both_switches_and_they_are_off(alice):
    page = alice.get("/campaigns/new").text
    for name in ("tracks_opens", "tracks_clicks"):
        assert re.search(rf'<input[^>]*name="{name}"[^>]*type="checkbox"', page)
        assert not re.search(rf'<input[^>]*checked[^>]*name="{name}"', page)
    form = {"name": "News", "subject": "Hi", "html": '<a href="https://x.example/{{ city }}">x</a>', "mode": "html"}
    alice.post("/campaigns/new", form | {"tracks_clicks": "y"})
    draft = campaigns.list_campaigns(alice.user_id)[0]
    assert (draft.tracks_opens, draft.tracks_clicks) == (False, True)
    review = alice.get(f"/campaigns/{draft.campaign_id}/review").text
    assert "One link has a merge tag in its address" in review and "<dt>Counted</dt><dd>Clicks</dd>" in review
    assert campaigns.copy_campaign(alice.user_id, draft.campaign_id).tracks_clicks
    alice.post(f"/campaigns/{draft.campaign_id}/edit", form)
    assert not campaigns.get_campaign(alice.user_id, draft.campaign_id).tracks_clicks


@sqlite
def test_a_count_is_good_for_a_while(visitor, tracked):
    campaign_id, mails = tracked
    hits.count(campaign_id)
    come(visitor, mails[0][0])
    hits.count(campaign_id, max_age=3_600_000)
    with db.session(crm_db):
        assert not HitCount.select().where(HitCount.link == 0).exists()
    hits.count(campaign_id)
    with db.session(crm_db):
        assert HitCount.get(HitCount.link == 0).mails == 1
