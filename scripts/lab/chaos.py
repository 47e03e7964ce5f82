"""Breaks things, one event of the plan after another, and keeps account of the doubt that each may rightly leave."""

import time
from collections import Counter
from collections.abc import Callable

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import control
from blaster.supervisor import Child
from scripts.lab import hosts
from scripts.lab.database import patiently
from scripts.lab.evidence import row_of
from scripts.lab.hosts import Host
from scripts.lab.plan import Event, Plan
from scripts.lab.sinks import SinkProcess
from scripts.lab.takeover import Absences
from scripts.lab.tenants import Tenant

DOWN_LEASES = (0.3, 1.5)  # how many times the lease a host stays away
STOP_LEASES = 1.5  # how many times the lease a stopped process sleeps
SETTLE_SECONDS = 0.1  # for what a process had under way with the database when it died
AWAKE_SECONDS = 2.0  # for what a process has to tell when it wakes
PAUSE_SECONDS, PAUSE_NOTE = 1.0, "paused by the lab"


# Why a mail may end as unknown.
OPEN, CRASHED, WITHHELD = "connections open at kills", "under way at crashes", "replies withheld"


class Chaos:
    """`strike` an event; `tend` all the time. `done` counts what was broken, `doubt` the mails it may leave unknown."""

    def __init__(self, plan: Plan, running: list[Host], sinks: list[SinkProcess], database, tenants: list[Tenant]):
        self.plan, self.hosts, self.sinks, self.database, self.tenants = plan, running, sinks, database, tenants
        self.done, self.doubt = Counter(), Counter()
        self.late: list[str] = []  # mails whose intent followed a pause
        self._chance = plan.random("chaos")
        self._ports = {sink.port for sink in sinks}
        self._paused: list[tuple[float, Callable[[], None]]] = []
        self._asleep_until = 0.0
        self.absences = Absences(plan, running)

    def strike(self, event: Event) -> bool:
        """False when there is nothing to break right now: try again."""
        act = {
            "cutoff": lambda: self._cut_off(event.luck),
            "death": lambda: self._bury(event.luck),
            "freeze": lambda: self._leave(self.database.freeze),
            "outage": lambda: self._leave(self.database.shut_down),
        }.get(event.kind, lambda: self._strike_a_process(event))
        is_done = act()
        self.done.update([event.kind] if is_done else [])
        return is_done

    def _strike_a_process(self, event: Event) -> bool:
        victims = [child for host in self.hosts for child in host.running()]
        # A database that is away starts again by itself: started here as well, it would run twice.
        if not victims or (event.kind == "restart" and self.database.is_away):
            return False
        victim = victims[int(event.luck * len(victims))]
        act = {
            "kill": lambda: self._kill(victim),
            "host": lambda: self._go_down(self._host_of(victim)),
            "crash": lambda: self._go_down(self._host_of(victim), with_disk=True),
            "stop": lambda: self._stop(victim),
            "term": victim.ask_to_stop,
            "pause": lambda: self._pause(self.tenants[int(event.luck * len(self.tenants))]),
            "cut": lambda: self.done.update(connections=self.database.cut(self._chance)),
            "restart": lambda: self.database.restart(self._chance),
        }[event.kind]
        act()
        return True

    def tend(self) -> None:
        """Resume what was paused long enough, and bring hosts back whose servers are with others."""
        self.absences.tend()
        for each in [each for each in self._paused if each[0] <= time.monotonic()]:
            each[1]()
            self._paused.remove(each)

    def is_over(self) -> bool:
        """Nobody sleeps, no host or database is down, no campaign is paused any more."""
        awake = not self._paused and time.monotonic() > self._asleep_until
        return awake and self.all_are_back() and all(host.is_whole() for host in self.hosts)

    def all_are_back(self) -> bool:
        """The database servers, and the hosts that were lost."""
        return not self.database.is_away and self.absences.are_over()

    def _host_of(self, child: Child) -> Host:
        return next(host for host in self.hosts if child in host.children)

    def _kill(self, victim: Child) -> None:
        self._freeze([victim])
        victim.process.kill()
        victim.process.wait()

    def _freeze(self, victims: list[Child]) -> None:
        """Stopped first, so that what is counted is what dies."""
        for victim in victims:
            hosts.freeze(victim)
        self.doubt[OPEN] += sum(hosts.open_connections(each, self._ports) for each in victims)

    def _go_down(self, host: Host, *, with_disk: bool = False) -> None:
        if not with_disk:
            self._freeze(host.running())
        host.go_down(self._chance.uniform(*DOWN_LEASES) * self.plan.lease_seconds)
        if with_disk:
            time.sleep(SETTLE_SECONDS)
            tokens = host.lose_last_writes()
            self.doubt[CRASHED] += patiently(lambda: _under_way(tokens))

    def _stop(self, victim: Child) -> None:
        seconds = STOP_LEASES * self.plan.lease_seconds
        hosts.freeze(victim)
        hosts.thaw_after(victim, seconds)
        self._asleep_until = time.monotonic() + seconds + AWAKE_SECONDS

    def _cut_off(self, luck: float) -> bool:
        """A host's databases are out of its reach."""
        if host := self.absences.victim(luck):
            host.line.cut()
            self.absences.begin(host, "cutoff")
        return host is not None

    def _bury(self, luck: float) -> bool:
        """All processes of a host die, and nobody starts them again."""
        if host := self.absences.victim(luck):
            self._freeze(host.running())
            host.go_down(float("inf"))
            self.absences.begin(host, "death")
        return host is not None

    def _leave(self, leave: Callable[[float], None]) -> bool:
        """One database server after the other."""
        is_free = not self.database.is_away
        if is_free:
            leave(self.plan.outage_seconds)
        return is_free

    def _pause(self, tenant: Tenant) -> None:
        """Once a pause is committed, only mails whose intent came before may still arrive."""
        if _state(tenant).run_state != "running":
            return
        patiently(lambda: control.pause_if_running(tenant.user_id, tenant.campaign_id, PAUSE_NOTE))
        if _state(tenant).note != PAUSE_NOTE:
            return  # a worker was quicker
        before = patiently(lambda: _with_intent(tenant.campaign_id))
        since = time.time_ns() // 1_000_000

        def resume() -> None:
            records = (record for sink in self.sinks for record in sink.records() if record.time_ms > since)
            mine = (record for record in records if record.campaign == str(tenant.campaign_id))
            self.late += [record.recipient for record in mine if row_of(record) not in before]
            patiently(lambda: control.resume(tenant.user_id, tenant.campaign_id))

        self._paused.append((time.monotonic() + PAUSE_SECONDS, resume))


def _state(tenant: Tenant) -> CampaignControl:
    return patiently(lambda: control.state(tenant.user_id, tenant.campaign_id))


def _under_way(tokens: set[int]) -> int:
    """`unknown` ones too: their worker was asleep, and now it cannot tell any more."""
    with db.session(crm_db):
        status = Mail.status.in_(("sending", "unknown"))
        return Mail.select().where(status & Mail.lease_token.in_(tokens)).count()


def _with_intent(campaign_id: int) -> set[int]:
    """Ids of mails that may be on their way: `unknown` ones too, a stopped worker may still send them."""
    possible = (Mail.campaign_id == campaign_id) & Mail.status.in_(("sending", "unknown"))
    with db.session(crm_db):
        return {row_id for (row_id,) in Mail.select(Mail.id).where(possible).tuples()}
