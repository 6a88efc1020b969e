"""Numbers as text for tables: names of ports, ages, sizes, rates, counts, and codes of unreachables."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from shodohflo.report.named_ports import named_ports

_AGES: Final = (("d", 86_400), ("h", 3_600), ("m", 60))
_SIZES: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")

_PREFIXES: Final = ("", "k", "M", "G", "T", "P", "E")

_FROM_FILES: Final = re.compile(r"^services:\s*(db\s+)?files\s*$", re.MULTILINE)
"""The line of nsswitch.conf(5) by which names come from /etc/services only; Debian has its index `db`, but no file."""

_UNREACHABLE_4: Final = (  # RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1
    "network unreachable",
    "host unreachable",
    "protocol unreachable",
    "port unreachable",
    "fragmentation needed",
    "source route failed",
    "network unknown",
    "host unknown",
    "host isolated",
    "network prohibited",
    "host prohibited",
    "network unreachable for this service",
    "host unreachable for this service",
    "prohibited",
    "precedence violation",
    "precedence cut off",
)
_UNREACHABLE_6: Final = (  # RFC 4443 section 3.1; the last from IANA's registry of ICMPv6 parameters
    "no route",
    "prohibited",
    "beyond scope",
    "address unreachable",
    "port unreachable",
    "policy failed",
    "route rejected",
    "source route failed",
)


@lru_cache(maxsize=1 << 14)
def port_name(port: int, protocol: str = "tcp") -> str:
    """Return the name of a port in /etc/services, with `protocol` tried first; empty for a port without a name."""
    named = _named_ports()
    if named is not None and str(port) not in named:
        return ""
    import socket  # noqa: PLC0415 - `replay --keys` names no port

    for asked in dict.fromkeys((protocol, "tcp", "udp")):
        try:
            return socket.getservbyport(port, asked)
        except OSError:
            continue
    return ""


@cache
def _named_ports() -> frozenset[str] | None:
    """Return the ports that have names, or None if names may come from elsewhere than /etc/services."""
    # The library reads the whole file for a port that has no name, as most have: 2.6 s for 60,000 ports.
    try:
        sources = Path("/etc/nsswitch.conf").read_text(encoding="utf-8", errors="replace")
        if not _FROM_FILES.search(sources):
            return None
    except OSError:
        return None
    named = named_ports()
    return None if named is None else frozenset(each.port for each in named)


def age_text(seconds: float) -> str:
    """Return an age in its largest unit: `3s`, `12m`, `5h`; rounded down, and negative ages are 0."""
    for unit, length in _AGES:
        if seconds >= length:
            return f"{seconds // length:.0f}{unit}"
    return f"{max(int(seconds), 0)}s"


def duration_text(seconds: float) -> str:
    """Return a duration in words: `12 s`, `3 min`, `5 h`, `2 days`; rounded down, and at least 1 s."""
    if seconds < 120:
        return f"{max(int(seconds), 1)} s"
    if seconds < 7_200:
        return f"{seconds // 60:.0f} min"
    return f"{seconds // 3_600:.0f} h" if seconds < 172_800 else f"{seconds // 86_400:.0f} days"


def size_text(octets: int) -> str:
    """Return a size in decimal units, with at most three digits: `840 B`, `1.2 MB`."""
    size, unit = float(octets), 0
    while size >= 999.5 and unit < len(_SIZES) - 1:
        size, unit = size / 1000, unit + 1
    return f"{octets} B" if unit == 0 else f"{size:.3g} {_SIZES[unit]}"


def rate_text(rate: float) -> str:
    """Return a rate with at most three digits and a decimal prefix: `0`, `<0.1`, `0.4`, `840`, `1.2 M`."""
    if 0 < rate < 10:
        return f"{rate:.1f}" if rate >= 0.1 else "<0.1"
    prefix = 0
    while rate >= 999.5 and prefix < len(_PREFIXES) - 1:
        rate, prefix = rate / 1000, prefix + 1
    return f"{rate:.3g} {_PREFIXES[prefix]}".rstrip()


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun: `1 packet`, `1,234 packets`; the plural is that with an s, unless given."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def unreachable_name(code: int, version: int) -> str:
    """Return the reason of an unreachable: the meaning of a code of ICMP type 3, or of ICMPv6 type 1."""
    names = _UNREACHABLE_4 if version == 4 else _UNREACHABLE_6
    return names[code] if code < len(names) else f"unreachable, code {code}"
