"""Configure the C library's allocator to keep freed memory for the next columns.

Columns take megabytes and are freed soon. If their pages were returned to the kernel, they would have to be mapped and
cleared again a moment later, which costs more than filling them does.
"""

from __future__ import annotations

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD (malloc.h of glibc)."""

_NEARLY_ALL: Final = 1 << 30
"""Bytes: larger blocks still come from, and go back to, the kernel."""


def keep_freed_memory() -> bool:
    """Make the allocator keep freed memory for reuse; return whether this C library can (musl cannot)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(threshold, _NEARLY_ALL) == 1 for threshold in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))
