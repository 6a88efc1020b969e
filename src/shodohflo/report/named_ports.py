"""The ports that have names in /etc/services (services(5)), read once.

ssh     22/tcp          # the name, the port with its protocol
http    80/tcp  www     # and aliases
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

SERVICES: Final = Path("/etc/services")

_PORT: Final = re.compile(r"0*([0-9]+)/(.+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class NamedPort:
    """One line of the file."""

    names: tuple[str, ...]
    """The name, then the aliases."""
    port: str
    """The number in decimal, without leading zeros."""
    protocol: str


@cache
def named_ports() -> tuple[NamedPort, ...] | None:
    """Return the lines of the file, without damaged ones; None if it cannot be read."""
    try:
        lines = SERVICES.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return tuple(named for line in lines if (named := _parsed(line)) is not None)


def _parsed(line: str) -> NamedPort | None:
    words = line.partition("#")[0].split()
    found = _PORT.fullmatch(words[1]) if len(words) > 1 else None
    return NamedPort((words[0], *words[2:]), found[1], found[2]) if found else None
