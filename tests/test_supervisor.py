import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from blaster import supervisor
from blaster.supervisor import supervise

PROJECT = Path(__file__).parent.parent
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def python(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", textwrap.dedent(code)]


SLEEPER = python("import time; print('ready'); time.sleep(60)")
STUBBORN = python("""
    import signal, time
    signal.signal(signal.SIGTERM, lambda *_: print("no"))
    print("ready")
    while True: time.sleep(60)
""")


def when(output: io.StringIO, text: str, code: int = 0):
    """An `until` that answers once the text was printed."""
    return lambda: code if text in output.getvalue() else None


def test_it_prefixes_what_they_print():
    output = io.StringIO()
    supervise({"web": SLEEPER, "workers": SLEEPER}, output=output, until=when(output, "workers | ready"))
    assert "web | ready\n" in output.getvalue()


def test_until_decides_the_code():
    output = io.StringIO()
    assert supervise({"web": SLEEPER}, output=output, until=when(output, "ready", 3)) == 3


def test_a_dead_command_starts_again(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "SHORTEST_PAUSE", 0.01)
    starts = tmp_path / "starts"
    code = f"open({str(starts)!r}, 'a').write('x')"
    assert (
        supervise({"web": python(code)}, until=lambda: 0 if starts.exists() and starts.stat().st_size > 2 else None)
        == 0
    )


def test_the_pauses_grow_to_a_limit(monkeypatch, caplog):
    monkeypatch.setattr(supervisor, "SHORTEST_PAUSE", 0.01)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE", 0.03)
    supervise({"web": python("raise SystemExit(5)")}, until=lambda: 0 if len(caplog.messages) > 3 else None)
    assert caplog.messages[:4] == [
        f"web ended with code 5, starts again in {pause} s" for pause in (0.01, 0.02, 0.03, 0.03)
    ]


def test_a_stubborn_command_is_killed():
    output = io.StringIO()
    supervise({"web": STUBBORN}, output=output, until=when(output, "ready"), stop_timeout=0.5)
    assert output.getvalue() == "web | ready\nweb | no\n"


def test_an_error_in_until_leaves_nothing_running(tmp_path):
    pid = tmp_path / "pid"

    def fail():
        if pid.exists() and pid.read_text():
            raise RuntimeError("no database")

    code = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(RuntimeError):
        supervise({"web": python(code)}, until=fail)
    assert not is_alive(int(pid.read_text()))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text() if Path("/proc").exists() else True


def wait_for(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited 20 s in vain"
        time.sleep(0.02)


@pytest.fixture
def start():
    """Starts a supervisor over one command in a process of its own, and waits until the command is ready."""
    started = []

    def start(child: list[str], stop_timeout: float = 20.0) -> subprocess.Popen:
        code = f"""
            import sys
            from blaster.supervisor import supervise
            sys.exit(supervise({{"child": {child!r}}}, stop_timeout={stop_timeout}, output=sys.stdout))
        """
        process = subprocess.Popen(python(code), cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "child | ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@posix_only
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_them_all(start, kind):
    child = python("""
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("bye")))
        print("ready")
        time.sleep(60)
    """)
    process = start(child)
    process.send_signal(kind)
    assert process.stdout.read() == "child | bye\n"
    assert process.wait() == 0


@posix_only
def test_a_second_signal_kills(start):
    process = start(STUBBORN, stop_timeout=60)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "child | no\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux")
def test_they_do_not_outlive_a_killed_supervisor(start, tmp_path):
    pid = tmp_path / "pid"
    code = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); print('ready'); time.sleep(60)"
    process = start(python(code))
    process.kill()
    wait_for(lambda: not is_alive(int(pid.read_text())))
