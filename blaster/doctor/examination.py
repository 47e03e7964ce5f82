"""The whole examination: first whether the databases answer, then whether their tables are there, then all the rest."""

from collections.abc import Iterator

from blaster.doctor import Finding, Patient, accounts, campaigns, connections, engine, host, indexes, rows, run, secrets
from blaster.doctor import workers as processes

TOPICS = (connections, indexes, engine, host, secrets, accounts, processes, campaigns, rows)


def examine(patient: Patient) -> Iterator[Finding]:
    """Every finding. A database that is away is one finding, and what it would have told is left out."""
    patient.answering.clear()
    patient.ready.clear()
    for topic in TOPICS:
        yield from run(topic.CHECKS, patient)


def mend(patient: Patient) -> int:
    """Do what can be done safely about the findings of now; returns how many were treated."""
    found = [finding for finding in examine(patient) if finding.fix]
    for finding in found:
        finding.fix()
    return len(found)
