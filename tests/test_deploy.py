"""The files of deploy/: valid for the programs that read them, and true about this project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import crossplane
import pytest
from ruamel.yaml import YAML

from blaster import config, supervisor
from blaster.workers import orchestrator
from tests.conftest import REQUIRE_ALL

PROJECT = Path(__file__).parent.parent
DEPLOY = PROJECT / "deploy"
UNITS = ["blaster.target", "blaster-web.socket", "blaster-web.service", "blaster-workers@.service"]
COMPOSE = YAML(typ="safe").load(DEPLOY / "compose.yaml")


def run(*command: str, cwd: Path = PROJECT) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)


# systemd


@pytest.fixture
def units(tmp_path) -> Path:
    """Copies of the units whose programs are there: systemd looks at them."""
    if not shutil.which("systemd-analyze"):
        hint = "systemd is missing: apt-get install systemd"
        pytest.fail(hint) if REQUIRE_ALL and sys.platform == "linux" else pytest.skip(hint)
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text()
        (tmp_path / name).write_text(re.sub("/opt/blaster/.venv/bin/[a-z]+", sys.executable, text))
    return tmp_path


def test_systemd_takes_the_units(units):
    told = run("systemd-analyze", "verify", *(f"./{name}" for name in [*UNITS, "blaster-workers@1.service"]), cwd=units)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_systemd_would_not_take_a_wrong_unit(units):
    service = units / "blaster-web.service"
    service.write_text(service.read_text().replace("TimeoutStopSec=", "TimeoutStop="))
    assert "TimeoutStop" in run("systemd-analyze", "verify", "./blaster-web.service", cwd=units).stderr


@pytest.mark.parametrize("name", ["blaster-web.service", "blaster-workers@.service"])
def test_systemd_calls_the_services_well_protected(units, name):
    if "--offline" not in run("systemd-analyze", "--help").stdout:
        pytest.skip("this systemd is older than 250 and judges running services only")
    told = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", f"./{name}", cwd=units)
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("name", ["blaster-web.service", "blaster-workers@.service"])
def test_the_programs_of_the_services_are_there(name):
    text = (DEPLOY / "systemd" / name).read_text()
    for path in re.findall(r"(?<= )(?:scripts|deploy)/\S+", text):
        assert (PROJECT / path).is_file()


def seconds(name: str) -> int:
    return int(re.search(r"TimeoutStopSec=(\d+)", (DEPLOY / "systemd" / name).read_text())[1])


def test_what_stops_has_the_time_to_finish():
    launcher = supervisor.supervise.__kwdefaults__["stop_timeout"]
    graceful = int(re.search(r"graceful_timeout = (\d+)", (DEPLOY / "gunicorn.conf.py").read_text())[1])
    assert orchestrator.STOP_SECONDS < launcher < seconds("blaster-workers@.service")
    assert graceful < seconds("blaster-web.service")
    assert COMPOSE["services"]["workers"]["stop_grace_period"] == f"{seconds('blaster-workers@.service')}s"
    assert COMPOSE["services"]["web"]["stop_grace_period"] == f"{seconds('blaster-web.service')}s"


# Containers


def test_the_compose_file_keeps_to_the_specification():
    told = run(
        sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml"
    )
    assert told.returncode == 0, told.stdout


def test_compose_takes_the_file(tmp_path):
    if run("docker", "compose", "version").returncode if shutil.which("docker") else True:
        pytest.skip("docker compose is not there; the specification is checked all the same")
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    shutil.copy(DEPLOY / "blaster.env.example", tmp_path / "deploy" / "blaster.env")
    told = run("docker", "compose", "--file", "deploy/compose.yaml", "config", "--quiet", cwd=tmp_path)
    assert told.returncode == 0, told.stderr


def test_what_the_compose_file_names_is_there():
    services, volumes = COMPOSE["services"], set()
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).is_file()
            else:
                volumes.add(source)
        if isinstance(service.get("command"), list):
            assert (PROJECT / service["command"][1]).is_file()
    assert volumes == set(COMPOSE["volumes"])
    assert os.access(DEPLOY / "compose" / "second_database.sh", os.X_OK)


def test_every_service_that_stays_tells_whether_it_is_well():
    image = (DEPLOY / "Dockerfile").read_text()
    assert "HEALTHCHECK" in image  # for the pages
    for name in ("workers", "database"):
        assert COMPOSE["services"][name]["healthcheck"]["test"]


def test_the_image_runs_as_nobody_in_particular_from_what_is_there():
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    last = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER blaster" in last
    allowed = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (PROJECT / source).exists()
                assert source in allowed, f"{source} is not sent to the builder"
    assert not re.search("apt-get|gcc|build-essential", "\n".join(lines))


def test_the_settings_of_the_example_exist():
    names = re.findall(r"^#?(BLASTER_\w+)=", (DEPLOY / "blaster.env.example").read_text(), re.MULTILINE)
    assert {name.removeprefix("BLASTER_").lower() for name in names} <= set(config.Settings.__dataclass_fields__)


# Web servers in front


@pytest.fixture
def nginx(tmp_path) -> list[dict]:
    """The directives of the sample as nginx would read them, inside its own file."""
    (tmp_path / "nginx.conf").write_text(f"events {{}} http {{ include {DEPLOY / 'nginx.conf'}; }}")
    found = crossplane.parse(str(tmp_path / "nginx.conf"), combine=True, strict=True)
    assert found["errors"] == []
    return found["config"][0]["parsed"][1]["block"]


def test_nginx_takes_what_blaster_takes_and_keeps_the_rest_to_itself(nginx):
    https = {(each["directive"], *each["args"]): each.get("block", []) for each in nginx[1]["block"]}
    megabytes = next(int(key[1].removesuffix("m")) for key in https if key[0] == "client_max_body_size")
    assert megabytes << 20 >= config.Settings.__dataclass_fields__["upload_limit"].default
    for path in ("/metrics", "/readyz"):
        assert [each["directive"] for each in https["location", "=", path]] == ["return"]
    assert any(key[:2] == ("add_header", "Strict-Transport-Security") for key in https)
    headers = {each["args"][0] for each in https["location", "/"] if each["directive"] == "proxy_set_header"}
    assert {"Host", "X-Forwarded-For", "X-Forwarded-Proto"} <= headers


def test_nginx_would_not_take_a_wrong_directive(tmp_path):
    (tmp_path / "nginx.conf").write_text("events {} http { server { client_max_body 1m; } }")
    assert crossplane.parse(str(tmp_path / "nginx.conf"), strict=True)["errors"]


def test_caddy_keeps_the_same_to_itself():
    text = (DEPLOY / "Caddyfile").read_text()
    assert "@monitoring path /metrics /readyz" in text and "respond @monitoring 404" in text
    assert "Strict-Transport-Security" in text
