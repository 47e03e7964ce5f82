"""One run: set up, break, heal, wait for rest, look."""

import os
import secrets
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from cryptography.fernet import Fernet

from blaster import boot, config, schema
from blaster.db import campaign_db, crm_db
from scripts.lab import hosts, invariants, result, sinks, tenants
from scripts.lab.chaos import WITHHELD, Chaos
from scripts.lab.database import open_database, patiently
from scripts.lab.evidence import gather
from scripts.lab.invariants import Verdict
from scripts.lab.owner import Owner
from scripts.lab.plan import Plan, events
from scripts.lab.result import Result
from scripts.lab.trouble import WITHHOLDS

PROJECT = Path(__file__).resolve().parents[2]
POLL = 0.05
RETRY_SECONDS = 60.0
SHOWN_SECONDS = 15.0


def run(plan: Plan, say: Callable[[str], None], keep: Path | None = None) -> Result:
    """All of it, within the plan's minutes and one more. `say` hears what happens; logs stay in the folder `keep`."""
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lab")))
        folder.mkdir(parents=True, exist_ok=True)
        database = open_database(plan, folder)
        stack.callback(database.remove)
        env = _environment(plan, folder, database.urls)
        boot.boot(config.load(env), retry_seconds=RETRY_SECONDS)
        stack.callback(_disconnect)
        schema.migrate()
        servers = sinks.sinks(folder, env)
        for sink in servers:
            stack.callback(sink.stop)
        sinks.start_all(servers, plan)
        owners = tenants.populate(plan, servers)
        running = hosts.hosts(plan, folder, env, database.urls)
        for host in running:
            stack.callback(host.stop)
        return Lab(plan, Chaos(plan, running, servers, database, owners), say).run()


class Lab:
    """The run itself, once all is set up."""

    def __init__(self, plan: Plan, chaos: Chaos, say: Callable[[str], None]):
        self.plan, self.chaos, self._say = plan, chaos, say
        self.owner = Owner(chaos.tenants, budgets_return=plan.clock_speed > 1)
        self._started = time.monotonic()
        self._deadline = self._started + 60 * plan.minutes

    def run(self) -> Result:
        self._break()
        self._heal()
        rests = self._wait_for(lambda: self.chaos.is_over() and self.owner.is_at_rest())
        self._deadline = time.monotonic() + SHOWN_SECONDS
        self._wait_for(self.owner.is_shown)
        self.say("at rest" if rests else "out of time")
        rude = [case for host in self.chaos.hosts for case in host.stop()]
        return self._look(rests, rude)

    def say(self, what: str) -> None:
        self._say(f"{time.monotonic() - self._started:6.1f} s {self._accepted():>7,} accepted: {what}")

    def _break(self) -> None:
        todo = deque(events(self.plan))
        while todo and self._wait_for(lambda: self._accepted() >= todo[0].at):
            if self.chaos.strike(todo[0]):
                self.say(todo.popleft().kind)
        self._wait_for(self.chaos.all_are_back)

    def _heal(self) -> None:
        for sink in self.chaos.sinks:
            sink.heal()
        self.say("healed")

    def _wait_for(self, condition: Callable[[], bool]) -> bool:
        """Keep things going until then; False when time is over."""
        while time.monotonic() < self._deadline:
            for host in self.chaos.hosts:
                host.keep_alive()
            self.chaos.tend()
            patiently(self.owner.tend)
            if patiently(condition):
                return True
            time.sleep(POLL)
        return False

    def _accepted(self) -> int:
        return sum(sink.accepted() for sink in self.chaos.sinks)

    def _look(self, rests: bool, rude: list[str]) -> Result:
        found = gather(self.plan, self.chaos.tenants, self.chaos.sinks)
        played = sum((sink.faults_played() for sink in self.chaos.sinks), Counter())
        doubt = self.chaos.doubt + Counter({WITHHELD: sum(played[fault] for fault in WITHHOLDS)})
        verdicts = [
            Verdict("rest", "the queue came to rest in time", [] if rests else ["it did not"]),
            *invariants.check(found),
            Verdict("I8", "no intent follows a pause", self.chaos.late),
            Verdict("I12", "no more is unknown than what was in doubt", invariants.unknown_beyond(found, doubt)),
            Verdict("T", "the others take over a lost host's servers in time", self.chaos.absences.late()),
            Verdict("exit", "at SIGTERM every worker ends by itself", rude),
            Verdict("logs", "no worker complains of defects", _complaints(self.chaos.hosts)),
        ]
        seconds = time.monotonic() - self._started
        figures = result.figures(found, self.chaos.done, played, doubt, seconds)
        return Result(self.plan, verdicts, figures | {"taken over after": self.chaos.absences.seconds()})


def _complaints(running: list[hosts.Host]) -> list[str]:
    """What workers log only when the program itself is wrong."""
    signs = ("the sweep found rows", "a sender ended by an error of ours", "a note for the database was lost")
    lines = [line.strip() for host in running for line in host.log.read_text().splitlines()]
    return [line for line in lines if any(sign in line for sign in signs)]


def _environment(plan: Plan, folder: Path, urls: list[str]) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "BLASTER_DATA_DIR": str(folder),
        "BLASTER_CAMPAIGN_URL": urls[0],
        "BLASTER_CRM_URL": urls[1],
        "BLASTER_PUBLIC_URL": "https://mail.lab.example.com",
        "BLASTER_PRIVATE_TARGETS": "127.0.0.0/8",
        "BLASTER_SMTP_PORTS": "1-65535",
        "BLASTER_SECRET_KEY": secrets.token_urlsafe(),
        "BLASTER_VAULT_KEYS": Fernet.generate_key().decode(),
        "BLASTER_TLS_CA_FILE": str(folder / "certificate.pem"),
        "BLASTER_CLOCK_SPEED": str(plan.clock_speed),
        "BLASTER_CLOCK_ORIGIN": str(time.time_ns() // 1_000_000),
        "BLASTER_LEASE_SECONDS": str(plan.lease_seconds),
        "BLASTER_CONNECTION_MAILS": "50",
        "BLASTER_SMTP_TIMEOUT": "5",
    }


def _disconnect() -> None:
    for database in (campaign_db, crm_db):
        database.close()
        if hasattr(database.obj, "close_all"):
            database.obj.close_all()
