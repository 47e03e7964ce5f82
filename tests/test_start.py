"""scripts/start.py as a user runs it: whole processes, real ports, a data directory of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.ports import free_port

PROJECT = Path(__file__).parent.parent
START = [sys.executable, PROJECT / "scripts" / "start.py"]


def run(*arguments, timeout=150, env=()):
    command = [*START, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env={**os.environ, **dict(env)})


@pytest.fixture
def started(tmp_path):
    """start.py on its own port, and what it said until the pages were there."""
    port = free_port()
    command = [*START, "--port", str(port), "--data-dir", tmp_path, "--workers", "1"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        said = ""
        while "Blaster is at" not in said:
            line = process.stderr.readline()
            said += line
            assert line and "ended with code" not in line, said
        yield process, port, said
        process.kill()


def test_help_says_it_all():
    said = run("--help")
    assert said.returncode == 0
    for flag in ("--demo", "--until-done", "--json", "--port", "--data-dir", "--workers", "--host", "--admin"):
        assert flag in said.stdout


def test_flags_that_make_no_sense_alone_are_refused():
    assert run("--until-done").returncode == 2
    assert run("--demo", "--json").returncode == 2


def test_a_taken_port_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        said = run("--port", port, "--data-dir", tmp_path)
    assert said.returncode == 1
    assert f"--port {port + 1}" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_wrong_setting_is_said_by_name(tmp_path):
    said = run("--data-dir", tmp_path, env={"BLASTER_LOOP_DELAY": "soon"})
    assert said.returncode == 1 and "BLASTER_LOOP_DELAY" in said.stderr and "Traceback" not in said.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_it_starts_makes_an_admin_once_and_stops(started, tmp_path):
    process, port, said = started
    assert re.search(r"Admin: +admin@example.com +\S+ +\(shown only now\)", said)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=10) as page:
        assert page.status == 200
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    assert process.wait(30) == 0, rest
    assert (tmp_path / "vault.key").exists() and (tmp_path / "secret.key").exists()


def test_the_demo_runs_to_its_end_and_again_changes_nothing(tmp_path):
    arguments = ("--demo", "--until-done", "--json", "--recipients", 300, "--port", free_port(), "--data-dir", tmp_path)
    first = run(*arguments)
    assert first.returncode == 0, first.stderr
    result = json.loads(first.stdout)
    for campaign in result["campaigns"]:
        assert (campaign["status"], campaign["sent"]) == ("finished", 300), campaign
        assert campaign["sink"] == {"mails": 300, "recipients": 300}
    assert result["sink"]["mails"] == 600 and result["sink"]["duplicates"] == 0
    assert_each_mail_went_through_its_owner(tmp_path / "sink.log", result["campaigns"])

    second = run(*arguments)
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["sink"] == result["sink"]
    assert "Admin:" not in second.stderr


def assert_each_mail_went_through_its_owner(log, campaigns):
    from blaster.demo.maillog import read_log

    owners = {str(campaign["campaign_id"]): campaign["email"] for campaign in campaigns}
    for record in read_log(log):
        assert record.login.endswith("." + owners[record.campaign]), record
