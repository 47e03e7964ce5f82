import importlib.util
from importlib.metadata import version
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent


@pytest.fixture
def venv():
    spec = importlib.util.spec_from_file_location("_venv", PROJECT / "scripts" / "_venv.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_this_environment_has_all_that_the_tests_need(venv):
    assert venv.missing(PROJECT / "requirements-dev.txt") == []


def test_a_pin_is_missing_when_absent_or_in_another_version(venv, tmp_path):
    (tmp_path / "base.txt").write_text(f"pytest=={version('pytest')}  # comment\nno-such-package==1.0\n")
    (tmp_path / "dev.txt").write_text('-r base.txt\nruff==0.0.1\n\nelsewhere==1; sys_platform == "nowhere"\n')
    assert venv.missing(tmp_path / "dev.txt") == ["ruff==0.0.1", "no-such-package==1.0"]
