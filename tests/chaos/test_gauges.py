"""The gauges find what grows, and leave alone what only moves."""

from __future__ import annotations

import os
from pathlib import Path

from chaos.gauges import MEMORY_ROOM, Gauges, Sample


def rising(memory: int = 0, files: int = 0, threads: int = 0) -> Gauges:
    """Return 40 samples, one in a second, each with so much more than the one before."""
    return Gauges([Sample(n, 10**8 + n * memory, 10 + n * files, 4 + n * threads) for n in range(40)])


def test_what_is_flat_is_no_fault() -> None:
    """A process that takes the same all the time has no fault, nor one that takes little more."""
    assert rising().faults() == []
    assert rising(memory=MEMORY_ROOM // 40).faults() == []


def test_what_grows_is_named() -> None:
    """Memory, file descriptors and threads that grow without end are each named."""
    for name, much in {"memory": MEMORY_ROOM // 10, "files": 1, "threads": 1}.items():
        [fault] = rising(**{name: much}).faults()

        assert fault.startswith(f"{name} grew by")


def test_what_was_large_at_first_is_no_growth() -> None:
    """The first quarter is left out: whatever is filled then is as large in the end."""
    gauges = rising()
    gauges.samples[:10] = [Sample(n, 10**6, 2, 1) for n in range(10)]

    assert gauges.faults() == []


def test_a_few_samples_show_nothing() -> None:
    """Nothing is said of a run that is too short."""
    gauges = Gauges(rising(memory=10**8).samples[:8])

    assert gauges.faults() == []


def test_the_slope_is_that_of_an_hour() -> None:
    """What grows by a byte in a second grows by 3,600 in an hour."""
    assert round(rising(memory=1).slope("memory")) == 3600


def test_a_sample_is_what_the_kernel_says() -> None:
    """A sample of this process has one more descriptor while one more file is open."""
    before = Sample.of(os.getpid(), 0.0)
    with Path("/dev/null").open():
        during = Sample.of(os.getpid(), 1.0)

    assert during.files == before.files + 1
    assert during.memory > 1_000_000
    assert during.threads >= 1
