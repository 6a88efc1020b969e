"""A configuration is tried out in a process of its own, which may hang, crash and end without harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shodohflo.config import load
from shodohflo.config.trial import try_out
from shodohflo.errors import ConfigurationError
from support.serving import PATIENCE, wait_until

LIMIT = 0.3
ADVICE = "a configuration must only define names"


def complaint(tmp_path: Path, text: str, **limits: float) -> str:
    """Return why `text` is refused, without its folder; empty if it is accepted."""
    try:
        try_out(tmp_path / "c.py", text.encode(), limits.get("limit", 5.0))
    except ConfigurationError as error:
        return str(error).replace(f"{tmp_path}/", "")
    return ""


@pytest.mark.parametrize(
    "text",
    [
        "from shodohflo.pcap_config import *\nTTL_GRACE = 60\n",
        "print('to nobody')\n",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n",
        "import os\nos.system('sleep 60 & echo to nobody')\n",
        "x = '" + "long" * 100_000 + "'\n",
    ],
)
def test_what_ends_well_is_accepted(tmp_path: Path, text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A configuration that ends is accepted, whatever threads and processes it leaves; nothing is printed."""
    assert complaint(tmp_path, text) == ""
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n1 / 0\n", "c.py:2:1: ZeroDivisionError: division by zero"),
        ("x = (\n", "c.py:1:5: '(' was never closed"),
        ("import sys\nsys.exit(4)\n", "c.py:2:1: SystemExit: 4"),
        ("raise KeyboardInterrupt\n", "c.py: it ended with KeyboardInterrupt"),
        (f"x = {'-' * 5000}1\n", "c.py: it is nested too deeply for Python to parse"),
        ("input()\n", "c.py:1:1: EOFError: EOF when reading a line"),
        ("x = bytes(3 * 2**30)\n", "c.py:1:5: MemoryError"),
        ("def f(): f()\nf()\n", "c.py:1:10: RecursionError: maximum recursion depth exceeded"),
        ("import os\nos._exit(0)\n", f"c.py: it ended its process with status 0; {ADVICE}"),
        ("import ctypes\nctypes.string_at(0)\n", f"c.py: it ended its process by SIGSEGV; {ADVICE}"),
        ("import os\nos.kill(os.getpid(), 15)\n", f"c.py: it ended its process by SIGTERM; {ADVICE}"),
    ],
)
def test_what_fails_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Exceptions, exits, crashes and too much memory are errors of one line."""
    assert complaint(tmp_path, text) == said


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\nwhile True: pass\n", 2),
        ("import time\ntime.sleep(99)\n", 2),
        ("while True:\n  try:\n    while True: pass\n  except BaseException: pass\n", 3),
        ("import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})\nwhile True: pass\n", 3),
        ("import ctypes\nctypes.PyDLL(None).sleep(99)\n", 2),
    ],
    ids=["loop", "sleep", "catches everything", "blocks the signal", "holds the interpreter"],
)
def test_what_never_ends_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    """Code that never ends is refused with the line where it was, whatever it does against interruptions."""
    assert complaint(tmp_path, text, limit=LIMIT) == f"c.py:{line}: it did not end within {LIMIT} seconds"


def test_a_stopped_process_is_killed(tmp_path: Path) -> None:
    """A process that stops itself cannot say where it is, and is killed."""
    said = complaint(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n", limit=LIMIT)

    assert said == f"c.py: it did not end within {LIMIT} seconds"


def test_what_it_leaves_running_is_killed(tmp_path: Path) -> None:
    """A child that never ends does not outlive the trial, which ends well without it."""
    pid = tmp_path / "pid"
    loop = "import os\nchild = os.fork()\nif not child:\n    while True: pass\n"
    text = f"{loop}open({str(pid)!r}, 'w').write(str(child))\n"

    assert complaint(tmp_path, text) == ""
    wait_until(lambda: not is_running(int(pid.read_text())), "the child is killed")


def is_running(pid: int) -> bool:
    """Return whether a process exists and is no zombie (proc(5), the state after the name in parentheses)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_working_directory_is_no_place_for_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module in the working directory, which may belong to anybody, is not executed."""
    monkeypatch.chdir(tmp_path)
    for name in ("json", "shodohflo", "numpy", "beside"):
        (tmp_path / f"{name}.py").write_text("open('trace', 'w')\n")

    assert "No module named 'beside'" in complaint(tmp_path, "import beside\n")
    assert not (tmp_path / "trace").exists()


def test_what_is_refused_is_not_executed_here(tmp_path: Path) -> None:
    """`load` gives the trial the bytes that it executes afterwards, and executes nothing that the trial refused."""
    path, here = tmp_path / "c.py", os.getpid()
    path.write_text(f"import os\nassert os.getpid() != {here}\nTTL_GRACE = 60\n")
    seen: list[bytes] = []

    def refuse(_path: Path, data: bytes) -> None:
        seen.append(data)
        raise ConfigurationError("no")

    with pytest.raises(ConfigurationError, match="no"):
        load(path, {}, privileged=False, attempt=refuse)
    with pytest.raises(ConfigurationError, match="AssertionError"):
        load(path, {}, privileged=False, attempt=try_out)

    assert seen == [path.read_bytes()]


INTERRUPTED = """
import sys
from pathlib import Path
from shodohflo.config.trial import try_out
print("trying", flush=True)
try_out(Path("c.py"), b"open('pid', 'w').write(str(__import__('os').getpid()))\\nwhile True: pass\\n")
"""


def test_ctrl_c_ends_the_trial(tmp_path: Path) -> None:
    """Ctrl-C ends the command at once, and the process of the trial with it."""
    with subprocess.Popen([sys.executable, "-c", INTERRUPTED], cwd=tmp_path, stderr=subprocess.DEVNULL) as command:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "", "the trial runs")
        command.send_signal(signal.SIGINT)
        assert command.wait(PATIENCE) == -signal.SIGINT
    pid = int((tmp_path / "pid").read_text())

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
