"""Bounds for commands that execute an operator's code: a configuration, and its custom actions.

A configuration is tried out in a process of its own before a command executes it. A custom action that does not answer
is left out by the watchdog, as in the agent; `check` and `explain` also bound the memory and the time of all answers.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Final

from shodohflo.config import load
from shodohflo.config.trial import MEMORY, try_out
from shodohflo.config.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.config import Settings

LONGEST: Final = 120.0
"""Seconds that `check` and `explain` may take for all of their questions; a second is usual."""

_WRONG: Final = 2
"""The exit status for a configuration that cannot be used."""


def load_tried(path: Path | None) -> Settings:
    """Load the configuration at `path`, or the defaults, as the agent does: after a trial in a process of its own.

    Raise `ConfigurationError` for one that cannot be used, that does not end, or that takes too much memory.
    """
    return load(path, attempt=try_out)


@contextmanager
def bounded(seconds: float = LONGEST, memory: int = MEMORY) -> Iterator[None]:
    """Bound what custom actions take in the context: each answer, `seconds` for all, and `memory` bytes of new data.

    An action that takes more memory gets a `MemoryError`. If the time is over, the process ends with status 2 and one
    line on standard error, because an action may catch whatever it is interrupted with.
    """
    end = Timer(seconds, _end, (seconds,))
    end.daemon = True
    end.start()
    try:
        with Watchdog(), _little_memory(memory):
            yield
    finally:
        end.cancel()


def _end(seconds: float) -> None:
    os.write(
        2, f"shodohflo: the rules did not answer within {seconds:g} seconds: a custom action is too slow\n".encode()
    )
    os._exit(_WRONG)


@contextmanager
def _little_memory(octets: int) -> Iterator[None]:
    """Let this process take no more than `octets` more of data (`RLIMIT_DATA`, getrlimit(2)) in the context."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _data() + octets
    known = [each for each in (limit, *before) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(known), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _data() -> int:
    """Return how many bytes of data this process has, as the kernel counts them for the limit (proc_pid_status(5))."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    sizes = (line.split()[1] for line in lines if line.startswith("VmData:"))
    return int(next(sizes, sys.maxsize >> 20)) * 1024
