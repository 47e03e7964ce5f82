#!/usr/bin/env python3
"""Mails a second over one connection to a mail server that is some milliseconds away.

  python3 scripts/bench/round_trip.py --rtt 5 20 100

smtplib: the one-by-one dialogue of Python's library. "step by step": our session where the server offers no PIPELINING.
"pipelined": where it does. "worker": a worker process with one connection, intents committed in MariaDB before each
mail. The simulated server answers that much later; there is no bandwidth limit.
"""

import smtplib
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _venv


def main():
    _venv.enter()
    from scripts.bench import report

    made = report.parser(__doc__)
    made.add_argument("--rtt", type=float, nargs="*", default=[5, 20, 100], help="milliseconds (default: 5 20 100)")
    made.add_argument("--seconds", type=float, default=5, help="for each figure (default: %(default)s)")
    options = made.parse_args()
    report.show([_row(rtt, options.seconds) for rtt in options.rtt], options.json)


def _row(rtt, seconds):
    dialogue = _measure(_dialogue, seconds, rtt_ms=rtt)
    rates = {
        "smtplib": dialogue,
        "step by step": _measure(_session, seconds, rtt_ms=rtt, pipelining=False),
        "pipelined": _measure(_session, seconds, rtt_ms=rtt),
        "worker": _worker(rtt, seconds),
    }
    ratios = {f"{name} / smtplib": rates[name] / dialogue for name in ("pipelined", "worker")}
    return {"round trip ms": rtt, **rates, **ratios}


def _measure(send, seconds, **faults):
    from scripts.bench import far

    with far.sink(**faults) as (port, _):
        return send(port, seconds)


def _dialogue(port, seconds):
    sent, data = 0, _message()
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.ehlo()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            client.sendmail("account@bench.example.com", [f"reader{sent}@mail.example.com"], data)
            sent += 1
    return sent / seconds


def _session(port, seconds):
    from blaster import config
    from blaster.mail import targets
    from blaster.mail.session import Mail
    from blaster.mail.transport import Endpoint, open_session

    here = {"BLASTER_PRIVATE_TARGETS": "127.0.0.1", "BLASTER_SMTP_PORTS": str(port)}
    targets.use(config.load({"BLASTER_SECRET_KEY": "-", "BLASTER_VAULT_KEYS": "-", **here}))
    deadline, data = 0.0, _message()

    def mails():
        number = 0
        while time.monotonic() < deadline:
            number += 1
            yield Mail(number, "account@bench.example.com", f"reader{number}@mail.example.com", data)

    session = open_session(Endpoint("127.0.0.1", port, "none"))
    deadline = time.monotonic() + seconds
    sent = sum(1 for _ in session.deliver(mails(), lambda mail: None))
    session.close()
    return sent / seconds


def _worker(rtt, seconds):
    """From the first mails on, so that opening the connection does not count."""
    from blaster.queue import control
    from scripts.bench import bed, far

    with far.sink(rtt_ms=rtt) as (port, accepted), bed.bed("mysql") as here:
        mails = int(2 * seconds * 1000 / rtt) + 500
        sender = bed.add_sender("bench", port, mails, server_count=1, accounts=1, connections=1)
        bed.stage(sender)
        with bed.workers(here, 1):
            control.resume(sender.user_id, sender.campaign_id)
            bed.wait_for(lambda: accepted() >= 20, 60, "the first mails")
            first, started = accepted(), time.monotonic()
            time.sleep(seconds)
            return (accepted() - first) / (time.monotonic() - started)


def _message():
    return b"Subject: bench\r\n\r\n" + b"The bakers of our street have been up since four.\r\n" * 95


if __name__ == "__main__":
    main()
