"""Do both databases answer, and are their tables up to date?"""

from collections.abc import Iterator

from blaster import db, replica, schema
from blaster.doctor import NAMES, Finding, Patient, fault, warning

_CURES = {
    1045: "Name and password in {variable} are refused: correct them, or GRANT ALL ON the database to that user.",
    1044: "The user of {variable} has no rights on the database: GRANT ALL ON it to that user.",
    1049: "The database of {variable} does not exist: CREATE DATABASE … CHARACTER SET utf8mb4.",
    1040: "The server has no connection left: raise max_connections, or stop some processes.",
}
_OTHERWISE = "Start the database server, and check host and port in {variable} (SQLite: the path and its rights)."


def are_there(patient: Patient) -> Iterator[Finding]:
    """Ask each server for its time."""
    for name, database in NAMES.items():
        try:
            with db.session(database):
                db.now(database)
            patient.answering[name] = database
        except Exception as error:  # whatever a driver throws: the operator is to read a sentence
            yield _away(name, error)


def _away(name: str, error: Exception) -> Finding:
    variable = "BLASTER_CAMPAIGN_URL" if name == "Server 1" else "BLASTER_CRM_URL"
    number = db.number(error)
    words = f"{name} does not answer ({type(error).__name__}{f' {number}' if number else ''})."
    why = "No page opens without it." if name == "Server 1" else "Nothing is sent, and no page opens, without it."
    return fault("database-away", name, words, why, _CURES.get(number, _OTHERWISE).format(variable=variable))


def are_up_to_date(patient: Patient) -> Iterator[Finding]:
    """Migrations that are not applied, or that a newer version has applied."""
    for name, database in patient.answering.items():
        pending, unknown = schema.pending(database)
        if pending:
            yield fault(
                "migrations-missing",
                name,
                f"{len(pending)} updates of the tables are not applied, the first is {pending[0]}.",
                "Pages and workers ask for tables and columns that are not there.",
                "Start pages or workers of this version, or run the doctor with --fix.",
                fix=schema.migrate,
            )
        else:
            patient.ready[name] = database
        if unknown:
            yield fault(
                "tables-of-a-newer-version",
                name,
                f"The tables were updated by a newer version ({unknown[0]}).",
                "This version may write what the newer one does not understand.",
                "Run the same version on every host.",
            )


def are_two(patient: Patient) -> Iterator[Finding]:
    """Both settings name one database: the tables of both servers lie together."""
    if patient.settings.campaign_url == patient.settings.crm_url:
        yield fault(
            "one-database-for-both",
            "settings",
            "BLASTER_CAMPAIGN_URL and BLASTER_CRM_URL name the same database.",
            "A backup, a restore or a move of one server takes the other along.",
            "Give each its own database (two on one server will do).",
        )


def replica_is_used(_patient: Patient) -> Iterator[Finding]:
    """The replica of Server 1, where there is one, answers and keeps up."""
    if trouble := replica.ask():
        yield warning(
            "replica",
            "replica",
            f"The replica of Server 1 is not used: {trouble}.",
            "Searches and exports of lists run on Server 1 beside everything else.",
            "Start replication again (SHOW REPLICA STATUS tells why it ended); the user in its URL needs SELECT and"
            " REPLICA MONITOR (MariaDB) or REPLICATION CLIENT (MySQL).",
        )


CHECKS = (are_there, are_two, are_up_to_date, replica_is_used)
