"""Machines with users of their own, for agents that root starts: a mount namespace with another /etc/passwd.

The interpreter and the project may be in a directory that only root can enter. In the namespace, every user can read
them, at the same paths.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from support.machine import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT: Final = Path(__file__).parents[2]

_SCRIPT: Final = """
set -e
if [ -n "$PASSWD" ]; then mount --bind "$PASSWD" /etc/passwd; mount --bind "$GROUP" /etc/group; fi
number=0
for place in $NEEDED; do
  number=$((number + 1)); mkdir -p "$ASIDE/$number"; mount --bind "$place" "$ASIDE/$number"
done
for folder in $CLOSED; do mount -t tmpfs -o mode=755 none "$folder"; done
number=0
for place in $NEEDED; do
  number=$((number + 1)); mkdir -p "$place"; mount --move "$ASIDE/$number" "$place"
done
unset PASSWD GROUP NEEDED CLOSED ASIDE
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A directory that all users can enter, and the words before a command that runs among the users."""

    directory: Path
    variables: dict[str, str] = field(default_factory=dict)

    def prefix(self) -> list[str]:
        """Return the words to put before a command that root starts here."""
        told = [f"{name}={value}" for name, value in self.variables.items()]
        return ["env", *told, "unshare", "--mount", "sh", "-c", _SCRIPT, "sh"]


@contextmanager
def machine(users: Mapping[str, int]) -> Iterator[Machine]:
    """Make a machine with these users, by their numbers, besides its own, each with a group of that number."""
    require("unshare", "mount", root=True)
    directory = Path(tempfile.mkdtemp(prefix="users-"))
    directory.chmod(0o755)
    lines = [f"{name}:x:{number}:{number}::{directory}/home-{name}:/bin/sh\n" for name, number in users.items()]
    lines_before = Path("/etc/passwd").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines_before if line.partition(":")[0] not in {"shodohflo", *users}]
    (directory / "passwd").write_text("".join([*kept, *lines]))
    (directory / "group").write_text(
        Path("/etc/group").read_text(encoding="utf-8")
        + "".join(f"{name}:x:{number}:\n" for name, number in users.items())
    )
    for name, number in users.items():
        (directory / f"home-{name}").mkdir(mode=0o700)
        os.chown(directory / f"home-{name}", number, number)
    needed = [place for place in dict.fromkeys((Path(sys.base_prefix), Path(sys.prefix), PROJECT)) if _closed(place)]
    needed = [place for place in needed if not any(other in place.parents for other in needed)]
    variables = {
        "PASSWD": str(directory / "passwd"),
        "GROUP": str(directory / "group"),
        "NEEDED": " ".join(map(str, needed)),
        "CLOSED": " ".join(dict.fromkeys(str(_closed(place)) for place in needed)),
        "ASIDE": str(directory / "aside"),
    }
    try:
        yield Machine(directory, variables)
    finally:
        shutil.rmtree(directory)


def _closed(place: Path) -> Path | None:
    """Return the first folder on the way to `place` that other users can't enter."""
    ways = (each for each in [*reversed(place.parents), place] if each.is_dir())
    return next((each for each in ways if not each.stat().st_mode & stat.S_IXOTH), None)
