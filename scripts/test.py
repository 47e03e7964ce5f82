#!/usr/bin/env python3
"""Checks the style and runs the tests; installs what they need first.

Needs nothing but Python: packages go to `.venv`. MariaDB, Chromium and systemd-analyze are installed by apt-get where
this runs as root on Debian or Ubuntu; elsewhere what needs them is skipped, or fails with CI=true or
BLASTER_REQUIRE_ALL=1.
BLASTER_TEST_MYSQL_URL=mysql://user:password@host:port uses a server of yours (databases are created and left there).
All arguments go to pytest, which runs as many tests at once as there are cores: `python3 scripts/test.py -k sink -n 0`.
"""

import os
import shutil
import subprocess
import sys

import _venv

SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"])
RAM_DISK, RAM_NEEDED = "/dev/shm", 3 << 30  # noqa: S108  folders are made by mkdtemp
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
HINTS = {
    "MariaDB": "apt-get install mariadb-server-core mariadb-client-core, or brew install mariadb",
    "Chromium": "apt-get install chromium, or python -m playwright install chromium",
    "systemd-analyze": "apt-get install systemd (Linux only)",
}


def main():
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__)
        return 0
    _venv.enter("requirements-dev.txt")
    os.chdir(str(_venv.PROJECT))
    provide()
    ruff = [sys.executable, "-m", "ruff"]
    # One more than processors: much of the time a test waits for a server or a browser.
    pytest = [sys.executable, "-m", "pytest", "-n", str(os.cpu_count() + 1), "--dist", "worksteal"]
    checks = [run([*ruff, "check"]), run([*ruff, "format", "--check"])]
    return max([*checks, run([*pytest, *sys.argv[1:]], {**os.environ, **in_memory()})])


def in_memory():
    """Where there is a RAM disk with room, databases of the tests live there: thousands of commits wait for no disk."""
    roomy = os.path.isdir(RAM_DISK) and shutil.disk_usage(RAM_DISK).free > RAM_NEEDED
    return {"TMPDIR": RAM_DISK} if roomy and os.access(RAM_DISK, os.W_OK) else {}


def provide():
    """Install what is missing where that can be done, and say in one line what is skipped without it."""
    packages = []
    if not has_mariadb():
        packages += ["mariadb-server-core", "mariadb-client-core"]
    if not has_chromium():
        packages += ["chromium"]
    if not has_systemd():
        packages += ["systemd"]
    if packages and shutil.which("apt-get") and os.geteuid() == 0:
        apt_get("update")
        apt_get("install", "-y", "--no-install-recommends", *packages)
    for name, there in zip(HINTS, (has_mariadb(), has_chromium(), has_systemd()), strict=True):
        if not there:
            print(f"Without {name} its tests are skipped. {HINTS[name]}", flush=True)


def has_mariadb():
    return bool(os.environ.get("BLASTER_TEST_MYSQL_URL") or shutil.which("mariadbd", path=SEARCH))


def has_chromium():
    return any(shutil.which(name) for name in BROWSERS)


def has_systemd():
    return shutil.which("systemd-analyze") is not None


def apt_get(*arguments):
    run(["apt-get", "-q", *arguments], {**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def run(command, env=None):
    print("$ " + " ".join(command), flush=True)
    return subprocess.run(command, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
