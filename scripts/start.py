#!/usr/bin/env python3
"""Starts Blaster: the web pages and the workers, with everything they need.

The first start makes a virtual environment in .venv, the databases (SQLite, unless BLASTER_CAMPAIGN_URL and
BLASTER_CRM_URL name others), the keys, and an admin whose password is asked for, or made up and printed once. Later
starts take a second and change nothing. Ctrl-C stops all: what is in flight is finished, the rest goes on next time.

examples:
  python3 scripts/start.py                              start, then open http://127.0.0.1:8025
  python3 scripts/start.py --demo                       and two demo users who send 10,000 mails each to a local sink
  python3 scripts/start.py --demo --until-done --json   the same as a check: exits 0 when their campaigns have finished
  python3 scripts/start.py --port 9000 --data-dir /srv/blaster --workers 4

Everything can be set by environment or .env too: see .env.example. Messages of the processes go to stderr.
"""

import argparse
import getpass
import json
import os
import socket
import sys
import time

import _venv

SINK_PORT = 2525


def main():
    options = parse()
    _venv.enter()
    settings = configure(options)
    if trouble := trouble_with(settings.host, settings.port):
        where, other = f"{settings.host}:{settings.port}", settings.port + 1
        sys.exit(f"Cannot listen on {where}: {trouble}. Is Blaster running already? Else try --port {other}.")
    prepare(settings, options)
    demo = Demo(settings, options) if options.demo else None
    code = run(settings, options, demo)
    return demo.report() if options.until_done else code


def parse():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="start.py", description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--host", help="address to listen on (default: 127.0.0.1, this computer only)")
    add("--port", type=int, help="port of the web pages (default: 8025)")
    add("--data-dir", metavar="DIR", help="where databases and keys are kept (default: var beside the project)")
    add("--workers", type=int, metavar="N", help="worker processes (default: one per core)")
    add("--admin", metavar="EMAIL", default="admin@example.com", help="the first admin signs in with this address")
    add("--demo", action="store_true", help="add two demo users and a mail sink that they send to")
    add("--recipients", type=int, metavar="N", default=10_000, help="size of the demo lists (default: 10,000)")
    add("--until-done", action="store_true", help="with --demo: stop when its campaigns have finished, print counts")
    add("--json", action="store_true", help="with --until-done: the counts as JSON, and nothing else on stdout")
    options = parser.parse_args()
    if options.until_done and not options.demo:
        parser.error("--until-done needs --demo")
    if options.json and not options.until_done:
        parser.error("--json needs --until-done")
    return options


def configure(options):
    """Settings with the flags on top; the processes that are started read the same environment."""
    for name in ("host", "port", "data_dir", "workers"):
        value = getattr(options, name)
        if value is not None:
            os.environ["BLASTER_" + name.upper()] = str(value)
    from blaster import config

    try:
        settings = config.load()
        return for_demo(settings, options) if options.demo else settings
    except config.ConfigError as error:
        sys.exit(str(error))


def for_demo(settings, options):
    """Where nothing else is set: links lead to this computer, and its sink may be sent to."""
    from blaster import config

    options.sink_port = free_port() if trouble_with("127.0.0.1", SINK_PORT) else SINK_PORT
    if not settings.public_url:
        os.environ["BLASTER_PUBLIC_URL"] = f"http://127.0.0.1:{settings.port}"
    networks = [str(network) for network in settings.private_targets]
    ports = [f"{first}-{last}" for first, last in settings.smtp_ports]
    os.environ["BLASTER_PRIVATE_TARGETS"] = " ".join([*networks, "127.0.0.1"])
    os.environ["BLASTER_SMTP_PORTS"] = " ".join([*ports, str(options.sink_port)])
    return config.load()


def trouble_with(host, port):
    """Why nothing can listen there; an empty string if it can."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        return error.strerror
    return ""


def prepare(settings, options):
    from blaster import boot, schema, users

    boot.boot(settings)
    schema.migrate()
    if not any(user.role == "admin" for user in users.list_all()):
        create_admin(options)


def create_admin(options):
    from blaster import passwords, users
    from blaster.errors import Invalid

    ask = sys.stdin.isatty() and not options.demo
    password = getpass.getpass(f"Password for the admin {options.admin}: ") if ask else passwords.made_up()
    try:
        users.create(options.admin, "Admin", password, role="admin")
    except Invalid as error:
        sys.exit(" ".join(error.errors.values()))
    if not ask:
        say(f"Admin:     {options.admin}  {password}  (shown only now)")


def say(text):
    print(text, file=sys.stderr, flush=True)


class Demo:
    """The demo users with their campaigns, and the sink."""

    def __init__(self, settings, options):
        from blaster.demo import seed

        self.options = options
        self.log, self.faults = settings.data_dir / "sink.log", settings.data_dir / "sink-faults.json"
        self.port = options.sink_port
        self.users = seed.seed(settings.data_dir, self.port, options.recipients)
        for user in self.users:
            say(f"Demo user: {user.email}  {user.password}")
        say(f"Mail sink: 127.0.0.1:{self.port}, what arrived is in {self.log}")

    def command(self):
        """As late as a real server, so that there is something to watch: else 10,000 mails are gone in seconds."""
        from blaster.demo.faults import Faults

        Faults(rtt_ms=0 if self.options.until_done else 150).save(self.faults)
        files = ["--log", str(self.log), "--faults", str(self.faults)]
        return [sys.executable, "-m", "blaster.demo.sink", "--port", str(self.port), *files]

    def statuses(self):
        from blaster import campaigns

        return [campaigns.get_campaign(user.user_id, user.campaign_id).status for user in self.users]

    def is_done(self):
        return all(status.status in ("finished", "cancelled") for status in self.statuses())

    def report(self):
        """Print what the campaigns say and what the sink has; 0 if they have finished."""
        from blaster.demo import outcome

        result = outcome.outcome(self.users, self.statuses(), self.log)
        print(json.dumps(result, indent=2) if self.options.json else outcome.as_text(result))
        return 0 if self.is_done() else 1


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def run(settings, options, demo):
    from blaster.supervisor import supervise

    commands = {"sink": demo.command()} if demo else {}
    commands["web"] = [sys.executable, str(_venv.PROJECT / "app.py")]
    commands["workers"] = [sys.executable, str(_venv.PROJECT / "scripts" / "workers.py")]
    os.chdir(str(_venv.PROJECT))
    return supervise(commands, until=watch(settings, options, demo))


def watch(settings, options, demo):
    """Asked twice a second: says once that the pages are there, and ends a run --until-done."""
    started = time.monotonic()
    waiting = ["web"]

    def look():
        if waiting and is_answering(settings):
            waiting.clear()
            took = time.monotonic() - started
            say(f"Blaster is at http://{settings.host}:{settings.port} ({took:.1f} s). Ctrl-C ends it.")
        return 0 if options.until_done and demo.is_done() else None

    return look


def is_answering(settings):
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  it is asked, not listened at
    try:
        socket.create_connection((host, settings.port), timeout=0.2).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
