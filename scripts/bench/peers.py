"""Other programs at the same work: queue in MariaDB, two processes, the same letter, the same smtp-sink.

Each is installed into a temporary folder. They keep no journal, no budgets and no intents: what they send, a crash may
send again.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

from scripts.bench import letter, postfix
from scripts.bench.bed import RECOMMENDED
from scripts.bench.cpu import Meter, run_all
from scripts.lab.database import connection
from scripts.lab.mariadb import MariaDB

CODE = Path(__file__).parent / "peer_code"


def run(name: str, mails: int) -> tuple[float, dict[str, float]]:
    """Wall seconds, and CPU seconds of sender, database and sink."""
    server = MariaDB(*RECOMMENDED)
    with tempfile.TemporaryDirectory(prefix="peer") as place, postfix.sink() as (port, sink):
        try:
            folder = Path(place)
            (folder / "letter.html").write_text(letter.HTML)
            env = {**os.environ, "BENCH_SMTP_PORT": str(port), "BENCH_DATABASE_PORT": str(server.port)}
            with connection(server.url) as mine:
                mine.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
            fill, send = PEERS[name](folder, mails)
            subprocess.run(fill, env=env, cwd=folder, check=True, stdout=sys.stderr)
            meter = Meter(database=[server.process.pid], sink=[sink.pid])
            wall, spent = run_all(send, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return wall, {"sender": spent, **meter.spent()}
        finally:
            server.remove()


def _post_office(folder: Path, mails: int) -> tuple[list[str], list[list[str]]]:
    """Its command that sends starts the two processes itself."""
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv/bin/python")
    packages = ["django-post_office==3.12.0", "Django~=5.2.0", "PyMySQL"]
    subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True, stdout=sys.stderr)
    script = str(CODE / "django_queue.py")
    return [python, script, "fill", str(mails), "letter.html"], [[python, script, "send", str(folder / "lock")]]


def _nodemailer(folder: Path, mails: int) -> tuple[list[str], list[list[str]]]:
    """Two processes of our own script."""
    packages = ["nodemailer@10", "mysql2@3"]
    options = ["--no-audit", "--no-fund", "--silent", "--prefix", str(folder)]
    subprocess.run(["npm", "install", *options, *packages], check=True, stdout=sys.stderr)
    script = shutil.copy(CODE / "nodemailer.js", folder)
    return ["node", script, "fill", str(mails)], [["node", script, "send", "letter.html"]] * 2


PEERS: dict[str, Callable] = {"post_office": _post_office, "nodemailer": _nodemailer}
