"""Hosts that are gone, dead or cut off from the database, until the others have all of their servers."""

import time
from dataclasses import dataclass, field

from blaster.queue import leases
from scripts.lab.database import patiently
from scripts.lab.hosts import Host
from scripts.lab.plan import Plan


@dataclass
class Absence:
    """`servers`: the leases that the host had. `seconds`: how long after its going each was first seen with another."""

    host: Host
    kind: str
    servers: set[str]
    since: float = field(default_factory=time.monotonic)
    seconds: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        others = {name for name, host in _holders().items() if host != self.host.name}
        for name in self.servers & others - self.seconds.keys():
            self.seconds[name] = time.monotonic() - self.since

    @property
    def is_over(self) -> bool:
        return len(self.seconds) == len(self.servers)


class Absences:
    """`begin` one, `tend` all the time: who was taken over comes back."""

    def __init__(self, plan: Plan, running: list[Host]):
        self._allowed = plan.lease_seconds + plan.takeover_seconds
        self._hosts = running
        self.all: list[Absence] = []

    def victim(self, luck: float) -> Host | None:
        """A host that has servers, while at least one other is there to take them over."""
        present = [host for host in self._hosts if host not in self._gone() and host.is_whole()]
        busy = [host for host in present if host.name in patiently(_holders).values()]
        return busy[int(luck * len(busy))] if busy and len(present) > 1 else None

    def begin(self, host: Host, kind: str) -> None:
        """It is gone as of now."""
        servers = {name for name, holder in patiently(_holders).items() if holder == host.name}
        self.all.append(Absence(host, kind, servers))

    def tend(self) -> None:
        for absence in self._open():
            patiently(absence.look)
            if absence.is_over:
                absence.host.come_back()

    def are_over(self) -> bool:
        """All are back, and have told what is in their journals."""
        return not self._open() and all(each.host.is_whole() for each in self.all)

    def seconds(self) -> list[float]:
        """How long each took until the last server was with another host."""
        return [round(max(each.seconds.values(), default=0.0), 1) for each in self.all]

    def late(self) -> list[str]:
        """Servers that were without a host for longer than they may."""
        return [
            f"{name} of {each.host.name} ({each.kind}): {each.seconds.get(name, float('inf')):.1f} s"
            for each in self.all
            for name in sorted(each.servers)
            if each.seconds.get(name, float("inf")) > self._allowed
        ]

    def _open(self) -> list[Absence]:
        return [each for each in self.all if not each.is_over]

    def _gone(self) -> list[Host]:
        return [each.host for each in self._open()]


def _holders() -> dict[str, str]:
    """The host that each SMTP server's lease is with now."""
    held = [lease for lease in leases.alive() if lease.name.startswith("server:")]
    return {lease.name: lease.owner.partition(":")[0] for lease in held}
