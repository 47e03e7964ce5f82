"""Worker processes and their leases."""

from collections.abc import Iterator

from blaster import db
from blaster.db import crm_db
from blaster.doctor import Finding, Patient, fault, needs
from blaster.models.crm_db import CampaignControl, Lease

GRACE = 120_000  # ms after which somebody should have taken over a lease that ran out
AT_WORK = ("staging", "running", "cancelling")


def are_alive() -> bool:
    """At least one worker process renews its lease."""
    with db.session(crm_db):
        alive = Lease.name.startswith("worker:") & (Lease.expires_at > db.now(crm_db))
        return Lease.select().where(alive).exists()


@needs("Server 2")
def are_there(patient: Patient) -> Iterator[Finding]:
    """Campaigns with something to do, and nobody to do it."""
    with db.session(crm_db):
        waiting = CampaignControl.select().where(CampaignControl.run_state.in_(AT_WORK)).count()
    if waiting and not are_alive():
        yield fault(
            "no-workers",
            "Server 2",
            f"No worker is alive, and {waiting} campaigns have something to do.",
            "Nothing is sent.",
            "python3 scripts/workers.py, on any host with the same databases and keys; see its log if it ends.",
        )


@needs("Server 2")
def leases(patient: Patient) -> Iterator[Finding]:
    """Leases that ran out and that no worker took over."""
    with db.session(crm_db):
        expired = Lease.select(Lease.name).where(Lease.expires_at < db.now(crm_db) - GRACE).order_by(Lease.name)
        names = [name for (name,) in expired.tuples()]
    for name in names:
        yield fault(
            "lease-expired",
            f"leases {name}",
            "It ran out and was not taken over.",
            "What its process held is neither sent nor put in doubt.",
            "Start a worker: it recovers its mails.",
        )


CHECKS = (are_there, leases)
