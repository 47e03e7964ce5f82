#!/usr/bin/env python3
"""What people who watch their campaigns cost: one poll every two seconds each, with news and without.

  python3 scripts/bench/viewers.py                    on SQLite files of its own, 500 polls of each kind

The share is of one core, for 100 viewers; the web server in front of the application is not part of it.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _venv

VIEWERS, EVERY = 100, 2


def main():
    _venv.enter()
    from scripts.bench import report

    made = report.parser(__doc__)
    made.add_argument("--polls", type=int, default=500, help="of each kind (default: %(default)s)")
    options = made.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report.show(_rows(folder, options.polls), options.json)


def _rows(folder, polls):
    from blaster import config, schema
    from blaster.web import create_app

    app = create_app(config.load({"BLASTER_DATA_DIR": folder}))
    schema.migrate()
    client, campaign_id = _viewer(app)
    return [_row(name, client, campaign_id, polls, news) for name, news in (("unchanged", False), ("news", True))]


def _viewer(app):
    from blaster import db, sessions, users
    from blaster.models.campaign_db import Campaign, CampaignStatus
    from blaster.models.crm_db import CampaignControl

    with db.session(db.campaign_db):
        user = users.create("viewer@example.com", "Viewer", "correct horse battery")
        campaign = Campaign.create(user_id=user.id, name="Watched", list_id=1)
        CampaignStatus.create(campaign_id=campaign.campaign_id, status="running", total_emails=9, sent_emails=9)
    with db.session(db.crm_db):
        CampaignControl.create(campaign_id=campaign.campaign_id, user_id=user.id, list_id=1, run_state="running")
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = f"{user.id}.{sessions.begin(user, '127.0.0.1', 'bench')}", True
    return client, campaign.campaign_id


def _row(name, client, campaign_id, polls, news):
    from blaster import pace
    from blaster.web import polls as answers

    with client.session_transaction() as session:
        user_id, _, token = session["_user_id"].partition(".")
    spent, codes = 0.0, set()
    for _ in range(polls):
        version = "old" if news else answers.version(pace.seen(int(user_id), token, campaign_id))
        url = f"/campaigns/{campaign_id}/progress?status=running&v={version}"
        begun = time.process_time()
        answer = client.get(url, headers={"HX-Request": "true"})
        spent += time.process_time() - begun
        codes.add(answer.status_code)
    each = spent / polls
    share = f"{each * VIEWERS / EVERY:.1%}"
    return {"poll": name, "answers": sorted(codes), "ms": round(each * 1000, 2), f"{VIEWERS} viewers, of a core": share}


if __name__ == "__main__":
    main()
