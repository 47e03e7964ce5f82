#!/usr/bin/env python3
"""How fast recipients come in: a CSV file, uploaded and read into a list, then the list into the queue on Server 2.

  python3 scripts/bench/load.py                            a million rows, MariaDB
  python3 scripts/bench/load.py --rows 100000 --engine sqlite

Each step runs in a process of its own, so that its memory can be told.
"""

import multiprocessing
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _venv


def main():
    _venv.enter()
    from scripts.bench import bed, report
    from scripts.bench.cpu import Meter

    made = report.parser(__doc__)
    made.add_argument("--rows", type=int, default=1_000_000, help="default: %(default)s")
    made.add_argument("--engine", choices=("mysql", "sqlite"), default="mysql")
    options = made.parse_args()
    with bed.bed(options.engine) as here:
        path = here.folder / "people.csv"
        _write(path, options.rows)
        rows = []
        for step in (import_file, stage):
            meter = Meter(database=here.database)
            seconds, spent, memory = _apart(step, here.env, str(path))
            rows.append(_row(step.__doc__, options.rows, seconds, spent, meter.spent()["database"], memory))
        size = bed.database_size(here)
    report.show(rows, options.json, database_MB=size / 1e6)


def _write(path, count):
    from blaster.demo import people

    with path.open("w", encoding="utf-8") as file:
        file.write("Email,First name,Last name,City\n")
        file.writelines(f"{','.join(row)}\n" for row in people.recipients("bench", count))


def _apart(step, env, path):
    """(wall seconds, CPU seconds, most memory in octets) of the step in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (step, env, path))


def _measured(step, env, path):
    import os

    from scripts.bench import cpu, rows

    rows.connect(env)
    started, before = time.monotonic(), time.process_time()
    step(path)
    return time.monotonic() - started, time.process_time() - before, cpu.peak([os.getpid()])


def import_file(path):
    """import"""
    from blaster import passwords, recipients, users
    from blaster.imports import run, uploads

    user = users.create("bench@bench.example.com", "bench", passwords.made_up())
    chosen = recipients.create_list(user.id, "readers")
    with open(path, "rb") as file:
        upload = uploads.create(user.id, chosen.id, path, file)
    uploads.start(user.id, upload.id, uploads.look(upload).columns, consent="form", on="2026-01-31")
    for _ in run.run(upload.id):
        pass


def stage(_path):
    """staging"""
    from blaster import recipients, users
    from scripts.bench import bed

    user = users.by_email("bench@bench.example.com")
    [chosen] = recipients.list_lists(user.id)
    bed.stage(bed.draft(user.id, chosen.id, chosen.size))


def _row(step, rows, seconds, spent, database, memory):
    return {
        "step": step,
        "rows/s": round(rows / seconds),
        "process us": 1e6 * spent / rows,
        "database us": 1e6 * database / rows,
        "memory MB": round(memory / 1e6),
    }


if __name__ == "__main__":
    main()
