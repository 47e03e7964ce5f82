"""A throwaway MariaDB: own data directory in a short temp path, ready in about a second."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pymysql

from scripts.lab.ports import free_port

SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"])
HINT = "MariaDB is missing: apt-get install mariadb-server-core mariadb-client-core (or set BLASTER_TEST_MYSQL_URL)"


class MariaDB:
    def __init__(self, *options: str):
        self.home = Path(tempfile.mkdtemp(prefix="bl"))
        self.port = free_port()
        self.options = options
        self.process = None
        self._install()
        self.start()

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}"

    def _install(self):
        install = shutil.which("mariadb-install-db", path=SEARCH) or shutil.which("mysql_install_db", path=SEARCH)
        subprocess.run(
            [install, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", *self._paths()],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def _paths(self) -> list[str]:
        user = ["--user=root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        return [*user, f"--datadir={self.home / 'data'}"]

    def start(self):
        self.process = subprocess.Popen(
            [
                shutil.which("mariadbd", path=SEARCH),
                "--no-defaults",
                *self._paths(),
                f"--socket={self.home / 's'}",
                f"--tmpdir={self.home}",  # a server that starts deletes what others have in a common one
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                f"--pid-file={self.home / 'pid'}",
                "--skip-name-resolve",
                "--skip-log-bin",
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-buffer-pool-size=256M",
                "--max-connections=500",
                *self.options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                pymysql.connect(host="127.0.0.1", port=self.port, user="root").close()
                return
            except pymysql.MySQLError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self, *, kill: bool = False):
        self.process.kill() if kill else self.process.terminate()
        self.process.wait(60)

    def is_running(self) -> bool:
        return self.process.poll() is None

    def thaw(self):
        """Go on after a SIGSTOP."""
        self.process.send_signal(signal.SIGCONT)

    def remove(self):
        if self.is_running():
            self.thaw()
            self.stop()
        shutil.rmtree(self.home, ignore_errors=True)


def is_installed() -> bool:
    return shutil.which("mariadbd", path=SEARCH) is not None
