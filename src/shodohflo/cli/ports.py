"""Ports as people write them: numbers, ranges, and the names of /etc/services."""

from __future__ import annotations

import re
from typing import Final

from shodohflo.errors import closest
from shodohflo.report.named_ports import named_ports

_LARGEST: Final = 0xFFFF
_RANGE: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)


def parse_ports(text: str) -> frozenset[int]:
    """Parse a list such as `22,http,8000-8100`; a ValueError says which part is wrong, and what to write."""
    return frozenset(port for part in text.split(",") for port in _parse(part.strip()))


def port_names() -> tuple[str, ...]:
    """Return the names and aliases of TCP and UDP ports in /etc/services, sorted; none if there is no such file."""
    named = named_ports() or ()
    return tuple(sorted({name for each in named if each.protocol in {"tcp", "udp"} for name in each.names}))


def _parse(part: str) -> range | set[int]:
    numbers = _RANGE.fullmatch(part)
    if numbers is None:
        return _named(part)
    first, last = int(numbers[1]), int(numbers[2] or numbers[1])
    if max(first, last) > _LARGEST:
        raise ValueError(f"{max(first, last)} is not a port (0-{_LARGEST})")
    if first > last:
        raise ValueError(f"the range {part} is backwards; write {last}-{first}")
    return range(first, last + 1)


def _named(name: str) -> set[int]:
    """Return the ports called `name`, which may differ between TCP and UDP."""
    import socket  # noqa: PLC0415 - most command lines name no port

    found = set()
    for protocol in ("tcp", "udp"):
        try:
            found.add(socket.getservbyname(name, protocol))
        except (OSError, ValueError, UnicodeError):  # unknown, or with characters that no name has
            continue
    if not found:
        raise ValueError(f"there is no port called {name!r}{_way_out(name)}")
    return found


def _way_out(name: str) -> str:
    near = closest(name, port_names())
    return f"; did you mean {near}?" if near else "; write a number, a range such as 8000-8100, or a name like ssh"
