#!/usr/bin/env python3
"""From the queue to the mail server: mails a second and CPU a mail, beside what the machine can do at all.

Two worker processes send 5 KB personalised mails from a throwaway database (MariaDB with
innodb_flush_log_at_trx_commit=1, then SQLite) to Postfix's smtp-sink, with full bookkeeping and crash safety. In the
same run smtp-source sends mails of the same size, as the limit, and two other programs do the same work.

  python3 scripts/bench/end_to_end.py                       50,000 mails, our own figures and the limit
  python3 scripts/bench/end_to_end.py --peers               django-post_office and nodemailer too (pip, npm)
  python3 scripts/bench/end_to_end.py --engines mysql --mails 10000
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _venv

PEERS = ("post_office", "nodemailer")


def main():
    _venv.enter()
    from scripts.bench import letter, postfix, report

    made = report.parser(__doc__)
    made.add_argument("--mails", type=int, default=50_000, help="mails of each run (default: %(default)s)")
    made.add_argument("--peer-mails", type=int, default=10_000, help="mails of each peer (default: %(default)s)")
    made.add_argument("--engines", nargs="*", choices=("mysql", "sqlite"), default=["mysql", "sqlite"])
    made.add_argument("--workers", type=int, default=2, help="worker processes (default: %(default)s)")
    made.add_argument("--connections", type=int, default=5, help="connections of each process (default: %(default)s)")
    made.add_argument("--peers", nargs="*", choices=PEERS, default=[], help="without a name: all of them")
    options = made.parse_args()
    if "--peers" in sys.argv and not options.peers:
        options.peers = PEERS
    postfix.require()
    size = letter.size()
    rows = [_limit(options.mails, size)]
    for engine in options.engines:
        rows.append(_blaster(engine, options))
        rows.append(_limit(options.mails, size))
    rows += [_peer(name, options.peer_mails) for name in options.peers]
    report.show(_with_ratios(rows), options.json, message_octets=size)


def _limit(mails, size):
    """smtp-source over ten kept connections."""
    from scripts.bench import postfix
    from scripts.bench.cpu import Meter

    with postfix.sink() as (port, process):
        meter = Meter(sink=[process.pid])
        wall, spent = postfix.source(port, mails, size)
        return _row("smtp-source (limit)", mails, wall, sender=spent, **meter.spent())


def _blaster(engine, options):
    from blaster.queue import control
    from scripts.bench import bed, postfix
    from scripts.bench.cpu import Meter

    shape = {"server_count": options.workers, "connections": options.connections}
    with postfix.sink() as (port, process), bed.bed(engine) as here:
        sender = bed.add_sender("bench", port, options.mails, **shape)
        bed.stage(sender)
        with bed.workers(here, options.workers) as pids:
            meter = Meter(sender=pids, database=here.database, sink=[process.pid])
            control.resume(sender.user_id, sender.campaign_id)
            first, wall = bed.watch([sender])
            return _row(f"Blaster, {engine}", options.mails - first, wall, total=options.mails, **meter.spent())


def _peer(name, mails):
    from scripts.bench import peers

    wall, spent = peers.run(name, mails)
    return _row(name, mails, wall, **spent)


def _row(name, mails, wall, total=0, **spent):
    micro = {who: round(1e6 * spent.get(who, 0.0) / (total or mails), 1) for who in ("sender", "database", "sink")}
    return {"what": name, "mails/s": round(mails / wall), **{f"{who} us": n for who, n in micro.items()}}


def _with_ratios(rows):
    """Against the mean of the limit's runs: before, between and after."""
    limits = [row["mails/s"] for row in rows if "limit" in row["what"]]
    for row in rows:
        row["of the limit"] = round(row["mails/s"] / (sum(limits) / len(limits)), 3)
    return rows


if __name__ == "__main__":
    main()
