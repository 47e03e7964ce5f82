"""Finds or makes the Python environment that the scripts run in. Standard library only, and no syntax newer than 3.8.

An interpreter that already has every pinned package is used as it is; otherwise `.venv` beside the project is made,
filled from the requirements file, and the script starts again in there. All it has to say goes to stderr.
"""

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"


def enter(requirements="requirements.txt"):
    """Return once every package pinned in that file can be imported, in this process or in a new one in its place."""
    _check_python()
    sys.path.insert(0, str(PROJECT))
    if not missing(PROJECT / requirements):
        return
    if Path(sys.prefix).resolve() == VENV.resolve():
        _install(requirements)
    else:
        _make_venv()
        _start_again()


def missing(requirements):
    """Pins of the file (and of those it names with -r) that this interpreter does not have in just that version.

    Lines with an environment marker are left to pip.
    """
    lines = [line.split("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    pins = [line for line in lines if "==" in line and ";" not in line and not _is_installed(*line.split("=="))]
    others = [line.split(None, 1)[1] for line in lines if line.startswith("-r ")]
    return pins + [pin for other in others for pin in missing(requirements.with_name(other))]


def _is_installed(name, version):
    try:
        return importlib.metadata.version(name) == version
    except importlib.metadata.PackageNotFoundError:
        return False


def _check_python():
    if sys.version_info < (3, 11):  # noqa: UP036 - this must be said, not crash
        _give_up(f"Blaster needs Python 3.11 or newer, this is {sys.version.split()[0]}.")


def _make_venv():
    if _venv_python().exists():
        return
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        _give_up(f"This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install {package}")
    _say(f"Making a virtual environment in {VENV}")
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], stdout=sys.stderr).returncode:
        _give_up(f"No virtual environment could be made in {VENV}.")


def _install(requirements):
    _say(f"Installing the packages of {requirements}, this takes a moment")
    if importlib.util.find_spec("pip") is None:
        _run_python("-m", "ensurepip")
    arguments = ["install", "-q", "--disable-pip-version-check", "--no-input", "-r", str(PROJECT / requirements)]
    if _run_python("-m", "pip", *arguments):
        _give_up("The packages could not be installed (see above). Is there a network?")
    importlib.invalidate_caches()


def _run_python(*arguments):
    return subprocess.run([sys.executable, *arguments], stdout=sys.stderr).returncode


def _venv_python():
    return VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _start_again():
    command = [str(_venv_python()), *sys.argv]
    if sys.platform == "win32":
        # Windows has no exec: it would come back to the shell at once.
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


def _say(text):
    print(text, file=sys.stderr, flush=True)


def _give_up(text):
    _say(text)
    sys.exit(1)
