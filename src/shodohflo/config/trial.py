"""A configuration is tried out in a process of its own before a running agent executes it.

Code that never ends, takes all memory, ends its process or crashes the interpreter harms only that process. The bytes
are passed to it, so what was tried is what the agent executes.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from shodohflo.config.limits import LIMIT
from shodohflo.config.source import Source
from shodohflo.errors import ConfigurationError

MEMORY: Final = 2**29
"""Bytes of data that a configuration may use, with the interpreter and its libraries, which take about 50 MB."""

_GRACE: Final = 2.0
"""Seconds after `LIMIT` in which the process can still say where it is, and then again until it is killed."""

_PROGRAM: Final = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from shodohflo.config.trial import main
main(sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
"""

_BEGUN: Final = "begun\n"
_LONGEST: Final = 2**20

_FRAME: Final = re.compile(r'File "(?P<file>.*)", line (?P<line>\d+) in ')
"""A frame in the dump of `faulthandler`."""


def try_out(path: Path, data: bytes, limit: float = LIMIT, memory: int = MEMORY) -> None:
    """Execute `data`, the bytes of `path`, in a process of its own; `ConfigurationError` if that does not end well."""
    with os.fdopen(os.memfd_create("trial"), "r+b") as report:
        # Isolated, and with our own module path: the working directory may belong to anybody.
        command = [sys.executable, "-I", "-c", _PROGRAM, json.dumps(sys.path), str(path), str(limit), str(memory)]
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter
                command,
                stdin=subprocess.PIPE,
                stdout=report,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                # Each thread of a library takes some megabytes for its stack.
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            )
        except OSError as error:
            raise ConfigurationError(f"{path}: cannot be tried out: {sys.executable}: {error.strerror}") from error
        _wait(process, data, limit + 2 * _GRACE)
        report.seek(0)
        _judge(path, report.read(_LONGEST).decode(errors="replace"), process.returncode, limit)


def _wait(process: subprocess.Popen[bytes], data: bytes, seconds: float) -> None:
    """Pass `data` and wait for the end, at most `seconds`; kill what is left of the process and its children."""
    try:
        process.communicate(data, timeout=seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also at Ctrl-C; a child that loops would burn a core for every reload
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _judge(path: Path, told: str, status: int, limit: float) -> None:
    """Raise `ConfigurationError` unless the process reported success."""
    before, _, answer = told.partition(_BEGUN)
    if before or not told:
        raise ConfigurationError(f"{path}: cannot be tried out: the process ended with status {status} before it began")
    with suppress(ValueError):
        error = json.loads(answer)
        if error:
            raise ConfigurationError(str(error))
        return
    name = str(path).encode("ascii", "backslashreplace").decode()
    lines = [frame["line"] for frame in _FRAME.finditer(answer) if frame["file"] == name]
    if answer or status == -signal.SIGKILL:
        where = f"{path}:{lines[0]}" if lines else str(path)
        raise ConfigurationError(f"{where}: it did not end within {limit:g} seconds")
    how = f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
    raise ConfigurationError(f"{path}: it ended its process {how}; a configuration must only define names")


def main(path: str, limit: float, memory: int) -> None:
    """Execute the configuration on standard input, and report the error on standard output as JSON; empty for none."""
    report = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), 1)
    data = sys.stdin.buffer.read()
    os.write(report, _BEGUN.encode())
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Written without the interpreter's lock, so that it also says where one step of the interpreter takes too long.
    faulthandler.dump_traceback_later(limit + _GRACE, exit=True, file=report)
    error = ""
    try:
        Source.parse(Path(path), data).run(limit)
    except ConfigurationError as refused:
        error = str(refused)
    except BaseException as ended:  # noqa: BLE001 - whatever the operator's code raises
        error = f"{path}: it ended with {type(ended).__name__}"
    os.write(report, json.dumps(error).encode())
    os._exit(0)  # its threads and exit handlers have nothing to do here
