import os
import subprocess
import sys
from pathlib import Path

import pytest

from blaster import audit, password_links, second_factors, users

PROJECT = Path(__file__).parent.parent


@pytest.fixture
def run(databases):
    """Runs scripts/users.py against the databases of the test."""

    def run(*arguments: str, expect: int = 0) -> str:
        command = [sys.executable, PROJECT / "scripts" / "users.py", *arguments]
        done = subprocess.run(command, env={**os.environ, **databases}, capture_output=True, text=True)
        assert done.returncode == expect, done.stderr
        return done.stdout + done.stderr

    return run


def test_a_created_user_can_sign_in_with_the_printed_password(run):
    printed = run("create", "anna@example.com", "--name", "Anna", "--admin")
    password = printed.split("shown only now): ")[1].strip()
    assert users.authenticate("anna@example.com", password).role == "admin"
    assert run("list") == "anna@example.com\tadmin\tactive\tAnna\n"


def test_a_suspended_user_is_kept_out_until_that_is_lifted(run):
    users.create("bob@example.com", "Bob", "a longer pass phrase")
    run("suspend", "bob@example.com")
    assert users.authenticate("bob@example.com", "a longer pass phrase") is None
    assert "suspended" in run("list")
    run("lift", "bob@example.com")
    assert users.authenticate("bob@example.com", "a longer pass phrase")


def test_a_new_password_replaces_the_old_one(run):
    users.create("bob@example.com", "Bob", "a longer pass phrase")
    password = run("password", "bob@example.com").split("shown only now): ")[1].strip()
    assert users.authenticate("bob@example.com", "a longer pass phrase") is None
    assert users.authenticate("bob@example.com", password)


def test_what_is_not_possible_is_said_and_exits_1(run):
    users.create("bob@example.com", "Bob", "a longer pass phrase")
    assert run("create", "Bob@Example.com", expect=1) == "There is a user with this address already.\n"
    assert run("suspend", "nobody@example.com", expect=1) == "There is no user nobody@example.com.\n"
    assert "Traceback" not in run("create", "not an address", expect=1)


def test_wrong_arguments_exit_2_and_help_0(run):
    run("fly", expect=2)
    assert "examples:" in run("--help")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_invitation_is_a_link_to_choose_a_password_with(run):
    printed = run("invite", "anna@example.com", "--name", "Anna")
    token = printed.rsplit("/password/", 1)[1].strip()
    users.set_password_by(password_links.get(token), "seven odd green lamps")
    assert users.authenticate("anna@example.com", "seven odd green lamps").role == "user"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_quota_and_second_factor_are_looked_after_and_all_is_noted(run):
    bob = users.create("bob@example.com", "Bob", "a longer pass phrase")
    second_factors.drawn(bob.id)
    run("quota", "bob@example.com", "--campaigns", "5", "--recipients", "100000")
    run("second-factor", "bob@example.com")
    run("second-factor", "bob@example.com", expect=1)
    changed = users.get(bob.id)
    assert (changed.most_campaigns, changed.most_recipients, changed.role) == (5, 100_000, "user")
    noted = [(row.act, row.target, row.details) for row in audit.search(audit.Asked(bob.id))]
    assert noted == [
        ("remove", "second-factor", ""),
        ("edit", "user", "most campaigns 5, most recipients 100000"),
    ]
