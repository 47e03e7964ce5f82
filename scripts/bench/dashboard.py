#!/usr/bin/env python3
"""How quickly pages come while two worker processes send as fast as they can.

  python3 scripts/bench/dashboard.py                  50,000 mails, 4 browsers that ask without a pause
  python3 scripts/bench/dashboard.py --pause 2        as people do: each page refreshes itself every 2 seconds

All of it shares the machine: database, workers, mail server (smtp-sink), web server and browsers.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _venv

PAGES = {
    "progress, the part that refreshes": "/campaigns/{}/progress",
    "progress, whole page": "/campaigns/{}",
    "dashboard": "/",
}


def main():
    _venv.enter()
    from scripts.bench import postfix, report

    made = report.parser(__doc__)
    made.add_argument("--mails", type=int, default=50_000, help="mails sent for each page (default: %(default)s)")
    made.add_argument("--browsers", type=int, default=4, help="default: %(default)s")
    made.add_argument("--pause", type=float, default=0.0, help="seconds between two looks (default: %(default)s)")
    options = made.parse_args()
    postfix.require()
    report.show([_row(name, path, options) for name, path in PAGES.items()], options.json)


def _row(name, path, options):
    from blaster.queue import control
    from scripts.bench import bed, browser, postfix

    with postfix.sink() as (port, _), bed.bed("mysql") as here, browser.web(here) as (web, _):
        sender = bed.add_sender("bench", port, options.mails)
        bed.stage(sender)
        people = [browser.Browser(web).sign_in("bench@bench.example.com") for _ in range(options.browsers)]
        path = path.format(sender.campaign_id)
        quiet = _for_a_while(people, path, options.pause)
        with bed.workers(here, 2):
            control.resume(sender.user_id, sender.campaign_id)
            visitors = browser.Visitors([(person, path) for person in people], options.pause)
            first, wall = bed.watch([sender])
            busy = visitors.stop()
    idle = {f"{what}, idle": value for what, value in quiet.items()}
    return {"page": name, "mails/s": round((sender.mails - first) / wall), **busy, **idle}


def _for_a_while(people, path, pause):
    from scripts.bench import browser

    visitors = browser.Visitors([(person, path) for person in people], pause)
    time.sleep(3)
    return visitors.stop()


if __name__ == "__main__":
    main()
