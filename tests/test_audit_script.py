"""scripts/audit.py: what it makes of what pip-audit says."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"


@pytest.fixture
def audit(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    spec = importlib.util.spec_from_file_location("audit_script", SCRIPTS / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("_venv", None)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b'{"dependencies": [{"name": "a", "version": "1", "vulns": []}], "fixes": []}', 0),
        (
            b'{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}]}',
            1,
        ),
        (b'{"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "x"}]}', 3),
        (b"", 3),
    ],
)
def test_what_nobody_could_be_asked_about_is_not_called_good(audit, capsys, said, code):
    assert audit.tell(audit.packages(said)) == code
    assert ("CVE-1, mended in 2" in capsys.readouterr().out) == (code == 1)
