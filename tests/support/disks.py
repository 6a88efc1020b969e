"""Small disks, which a test can fill."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from support.machine import require
from support.networks import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """Make `directory` with a disk of its own, of four megabytes."""
    require("mount", "umount", root=True)
    directory.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "none", directory)
    try:
        yield directory
    finally:
        run("umount", "--lazy", directory)  # servers that a failed test has left may still use it


def fill(directory: Path) -> Path:
    """Write a file until nothing more fits; return its path, to remove it."""
    filling = directory / "fill"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filling
