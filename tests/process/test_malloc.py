"""Freed memory is kept by the process."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from shodohflo.process.malloc import keep_freed_memory

FAULTS: Final = """
import resource, sys
import numpy as np
from shodohflo.process.malloc import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(20):
    np.ones(8 << 20, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(64 << 20, np.uint8)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize())
"""


def test_the_c_library_of_the_tests_can_keep_memory() -> None:
    """The C library of the test system (Debian's glibc) supports keeping memory."""
    assert keep_freed_memory()


def test_memory_that_is_kept_needs_no_new_pages() -> None:
    """Allocating the same block twenty times causes page faults for about one block instead of twenty."""
    kept, given_back = (
        int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, check=True, text=True).stdout)
        for how in ("keep", "give back")
    )

    assert kept < given_back / 5
