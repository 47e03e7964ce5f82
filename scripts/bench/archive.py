#!/usr/bin/env python3
"""Archiving a large campaign beside the sending: does it slow the mails down, and how long does it take?

Two worker processes send to Postfix's smtp-sink from a throwaway MariaDB, which holds an old campaign besides. In one
run: sending alone, while scripts/maintenance.py archives the old campaign, and alone again. `longest gap` is
the longest time in which no mail was settled. At first the doctor looks at the
database, and /metrics is read.

  python3 scripts/bench/archive.py
  python3 scripts/bench/archive.py --rows 200000 --seconds 10
"""

import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _venv


def main():
    _venv.enter()
    from scripts.bench import postfix, report

    made = report.parser(__doc__)
    made.add_argument("--rows", type=int, default=1_000_000, help="mails of the old campaign (default: %(default)s)")
    made.add_argument("--mails", type=int, default=500_000, help="mails that wait to be sent (default: %(default)s)")
    made.add_argument(
        "--seconds", type=int, default=12, help="of sending alone, before and after (default: %(default)s)"
    )
    made.add_argument("--at-most", type=int, default=90, help="seconds of archiving (default: %(default)s)")
    options = made.parse_args()
    postfix.require()
    rows, figures = _run(options)
    report.show(rows, options.json, **figures)


def _run(options):
    from blaster.queue import control
    from scripts.bench import bed, postfix, rows

    with postfix.sink() as (port, _), bed.bed("mysql") as here:
        sender = bed.add_sender("bench", port, 1)
        going = rows.fill(sender.user_id, options.mails)
        control.pause(sender.user_id, going)
        old = _old_campaign(sender.user_id, options.rows)
        figures = {"doctor_seconds": _examine(here.env), "metrics_seconds": _read_metrics()}
        with bed.workers(here, 2):
            control.resume(sender.user_id, going)
            bed.wait_for(lambda: bed.sent(going) > 1_000, 60, "the first mails")
            alone = [_watch("sending alone", going, options.seconds)]
            beside, moved = _archive(here, going, options.at_most)
            alone.append(_watch("sending alone", going, options.seconds))
        figures["archived_whole"] = _is_archived(old)
    mean = sum(row["mails/s"] for row in alone) / 2
    figures["ratio_beside_archiving"] = beside["mails/s"] / mean
    figures |= {"rows_archived": moved, "rows_archived_a_second": moved / beside["seconds"]}
    return [alone[0], beside, alone[1]], figures


def _old_campaign(user_id, mails):
    """One that ended before anybody can remember."""
    from blaster import db
    from blaster.db import crm_db
    from blaster.models.crm_db import CampaignControl
    from scripts.bench import rows

    campaign_id = rows.fill(user_id, mails)
    rows.consume(campaign_id, mails)
    with db.session(crm_db):
        ended = CampaignControl.update(run_state="finished", changed_at=1)
        ended.where(CampaignControl.campaign_id == campaign_id).execute()
    return campaign_id


def _is_archived(campaign_id):
    from blaster import db
    from blaster.db import crm_db
    from blaster.models.archive import CampaignArchive

    with db.session(crm_db):
        return CampaignArchive.get(CampaignArchive.campaign_id == campaign_id).finished_at is not None


def _examine(env):
    """The whole script, as an operator starts it."""
    from scripts.bench import bed

    started = time.monotonic()
    command = [sys.executable, "scripts/doctor.py", "--json"]
    done = subprocess.run(command, env=env, cwd=bed.PROJECT, stdout=subprocess.DEVNULL)
    if done.returncode not in (0, 1, 2):
        sys.exit(f"The doctor failed with {done.returncode}.")
    return time.monotonic() - started


def _read_metrics():
    """What Prometheus asks for, at the second time."""
    from blaster import metrics

    metrics.text()
    started = time.monotonic()
    metrics.text()
    return time.monotonic() - started


def _archive(here, campaign_id, at_most):
    """The figures while it runs, and how many mails it moved meanwhile."""
    from scripts.bench import bed

    command = [sys.executable, "scripts/maintenance.py", "archive"]
    process = subprocess.Popen(command, env=here.env, cwd=bed.PROJECT, stdout=subprocess.DEVNULL)
    bed.wait_for(lambda: _moved() or process.poll() is not None, 60, "the archive to begin")
    before = _moved()
    row = _watch("while archiving", campaign_id, at_most, lambda: process.poll() is not None)
    moved = _moved()
    process.terminate()
    process.wait(60)
    return row, moved - before


def _moved():
    from peewee import fn

    from blaster import db
    from blaster.db import crm_db
    from blaster.models.archive import CampaignArchive

    with db.session(crm_db):
        return int(CampaignArchive.select(fn.SUM(CampaignArchive.mails)).scalar() or 0)


def _watch(what, campaign_id, seconds, is_over=lambda: False):
    """Look twenty times a second how many were sent."""
    from scripts.bench import bed

    started = changed = time.monotonic()
    first = last = bed.sent(campaign_id)
    gap = 0.0
    while time.monotonic() - started < seconds and not is_over():
        time.sleep(0.05)
        if (now := bed.sent(campaign_id)) != last:
            gap, last, changed = max(gap, time.monotonic() - changed), now, time.monotonic()
    spent = time.monotonic() - started
    return {
        "what": what,
        "mails": last - first,
        "seconds": round(spent, 1),
        "mails/s": round((last - first) / spent),
        "longest gap ms": round(1000 * max(gap, time.monotonic() - changed)),
    }


if __name__ == "__main__":
    main()
