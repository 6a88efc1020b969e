"""Every setting that a configuration file may assign: its type, default and meaning, and its reader.

`docs/reference/settings.md` is generated from this table. A reader takes the value from the file and returns it as the
program uses it, or raises `ValueError` with a message that says what is wrong and what to write instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from shodohflo.attribution.policy import IgnoredFlow
from shodohflo.capture.filters.expression import CaptureFilter
from shodohflo.capture.filters.libpcap import FilterError
from shodohflo.config.findings import Code
from shodohflo.errors import ConfigurationError, closest
from shodohflo.model import PORT_PROTOCOLS
from shodohflo.pcap_config import FlowMapping, NetworkEnumeration
from shodohflo.rules.networks import parse_prefix
from shodohflo.store.urls import parse_url
from shodohflo.wire.tunnels import UDP_TUNNELS

TTL_GRACE: Final = 900
PCAP_STATS: Final = 60
LOG_LEVEL: Final = "INFO"

STORE_MEMORY: Final = 256
"""Megabytes: enough for about 290,000 IPv4 flows."""

OUTBOX_MEMORY: Final = 256
"""Megabytes: enough for about a million keys."""

EVIDENCE_MEMORY: Final = 64
"""Megabytes."""

SECONDS: Final = "whole seconds"
MEGABYTES: Final = "whole megabytes"
NUMBERS: Final = frozenset({SECONDS, MEGABYTES})
"""The types of settings that are whole numbers; environment variables of these types are converted from text."""

_LONGEST: Final = 2**31 - 1
"""Seconds, about 68 years; a larger number is a mistake."""

_LEAST_STORE_MEMORY: Final = 8
"""Megabytes: an empty server takes one, and the rest must hold a whole write."""

_LEAST_OUTBOX_MEMORY: Final = 8
"""Megabytes: with less, hardly more than the keys of one write would fit."""

LEAST_EVIDENCE_MEMORY: Final = 4
"""Megabytes: with less, the tables would forget services between two connections of an ordinary network."""

_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; assigning `None` in a file is the same as not assigning it."""

    name: str
    type: str
    default: str
    meaning: str
    read: Callable[[Any], Any]
    variable: str = ""
    """The environment variable that overrides the file; empty if there is none."""


def _store(value: object) -> str:
    if isinstance(value, str) and value.strip():
        # Parsed here, where an error gets its line. The environment variable may name several stores, for readers.
        try:
            [parse_url(url) for url in value.split()]
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        return value.strip()
    # The value may hold a password.
    raise ValueError(f"{type(value).__name__} is not text; write host, host:port or a URL in quotes")


def _seconds(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LONGEST:
        return value
    raise ValueError(f"{value!r} is not a number of seconds; write a whole number from 1 to {_LONGEST:,}")


def _megabytes(least: int, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= _LONGEST:
        return value
    raise ValueError(f"{value!r} is not a valid number of megabytes; write a whole number from {least} up")


def _evidence_memory(value: object) -> int:
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return _megabytes(LEAST_EVIDENCE_MEMORY, value)
    except ValueError as error:
        raise ValueError(f"{error}, or 0 to keep no evidence") from error


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is neither True nor False")


def _level(value: object) -> str:
    """Read a log level, given by name or by its number in `logging`."""
    name = logging.getLevelName(value) if isinstance(value, int) else str(value).upper()
    if name in _LEVELS:
        return str(name)
    raise ValueError(f"{value!r} is not a log level; write one of {', '.join(_LEVELS)}")


def _ignored(value: object) -> tuple[IgnoredFlow, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{value!r} is not a set; write {{('192.0.2.1', 53), ...}}")  # noqa: TRY004 - read as one kind
    return tuple(sorted((_ignored_end(end) for end in value), key=repr))


def _ignored_end(end: object) -> IgnoredFlow:
    match end:
        case (prefix, int(port)) if 0 <= port <= 65535 and not isinstance(port, bool):
            return IgnoredFlow(parse_prefix(prefix), port)
    raise ValueError(f"{end!r} is not (address or prefix, port); write ('192.0.2.1', 53)")


def _listed(value: object) -> tuple[tuple[int, int], ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{value!r} is not a set; write {{('tcp', 8883), ('udp', 27015)}}")  # noqa: TRY004 - read as one kind
    return tuple(sorted(_listed_port(each) for each in value))


def _listed_port(given: object) -> tuple[int, int]:
    match given:
        case ("tcp" | "udp" as protocol, int(port)) if 1 <= port <= 65535 and not isinstance(port, bool):
            return PORT_PROTOCOLS[protocol], port
    raise ValueError(f"{given!r} is not (protocol, port); write ('tcp', 8883) or ('udp', 27015)")


def _tunnels(value: object) -> frozenset[str]:
    names = {value} if isinstance(value, str) else value
    if not isinstance(names, Iterable):
        raise ValueError(f"{value!r} is not a set; write {{'vxlan', 'geneve'}}")  # noqa: TRY004 - read as one kind
    return frozenset(_tunnel(name) for name in names)


def _tunnel(name: object) -> str:
    if isinstance(name, str) and name in UDP_TUNNELS:
        return name
    raise ValueError(f"{name!r} is not a tunnel over UDP; those are {', '.join(UDP_TUNNELS)}")


def _filter(value: object) -> CaptureFilter:
    if not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} is not text; write an expression of tcpdump in quotes")  # noqa: TRY004 - read as one kind
    try:
        return CaptureFilter.of(value)
    except FilterError as error:
        raise ValueError(str(error)) from error


def _accepted(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not a dictionary; write {{'DEAD-RULE FLOW_MAPPING[2]': 'the reason'}}")  # noqa: TRY004 - as above
    return {_finding(label): _reason(label, reason) for label, reason in value.items()}


def _finding(label: object) -> str:
    """Read the code and the place of a finding, as `check` prints them."""
    word, _, place = str(label).partition(" ")
    if word == Code.UNUSABLE or word not in {*Code} or not place:
        acceptable = [code for code in Code if code != Code.UNUSABLE]
        close = closest(word, acceptable)
        way_out = f"did you mean {close}?" if close and word != close else "write code and place as check does"
        raise ValueError(f"{label!r} is not a finding that can be accepted; {way_out}")
    return str(label)


def _reason(label: object, reason: object) -> str:
    if isinstance(reason, str) and reason.strip():
        return reason.strip()
    raise ValueError(f"{label!r} is accepted without a reason; write one in quotes")


def _enumeration(value: object) -> NetworkEnumeration:
    if isinstance(value, NetworkEnumeration):
        return value
    raise ValueError(f"{value!r} is not a NetworkEnumeration; write NetworkEnumeration(('name', 'prefix'), ...)")


def _mapping(value: object) -> FlowMapping:
    if isinstance(value, FlowMapping):
        return value
    raise ValueError(f"{value!r} is not a FlowMapping; write FlowMapping((source, destination, action), ...)")


def _anything(value: object) -> object:
    return value


KNOWN: Final = {
    setting.name: setting
    for setting in (
        Setting(
            "NETWORK_ENUMERATION",
            "`NetworkEnumeration`",
            "our networks, then all",
            "The named networks, in the order they are tried; together with `FLOW_MAPPING` or not at all.",
            _enumeration,
        ),
        Setting(
            "FLOW_MAPPING",
            "`FlowMapping`",
            "to or from our networks, `LowerPort`",
            "The ordered rules that decide which end of a packet is the service; together with `NETWORK_ENUMERATION`.",
            _mapping,
        ),
        Setting(
            "REDIS_SERVER",
            "text",
            "the embedded store",
            "The store: a host, host:port or URL (`redis`, `rediss`, `valkey`, `valkeys`, `unix`; also with `+sentinel`"
            " or `+cluster`).",
            _store,
            "SHODOHFLO_STORE",
        ),
        Setting(
            "STORE_MEMORY",
            MEGABYTES,
            str(STORE_MEMORY),
            "The memory limit of the embedded store; when it is full, the keys that would expire next are evicted.",
            partial(_megabytes, _LEAST_STORE_MEMORY),
            "SHODOHFLO_STORE_MEMORY",
        ),
        Setting(
            "OUTBOX_MEMORY",
            MEGABYTES,
            str(OUTBOX_MEMORY),
            "The memory for keys that wait for the store, and for what is known of those that it has, with which an "
            "agent heals what a store loses. A quarter is for the latest writes; of the rest, a key takes about 190 "
            "bytes, a flow with five keys about 950. Over it, new keys are refused and counted.",
            partial(_megabytes, _LEAST_OUTBOX_MEMORY),
            "SHODOHFLO_OUTBOX_MEMORY",
        ),
        Setting(
            "EVIDENCE_MEMORY",
            MEGABYTES,
            str(EVIDENCE_MEMORY),
            "The memory for the evidence of services, which `Observed` rules go by; nothing of it grows. When it is "
            "full, what was seen once is forgotten first. With 0 an agent keeps no evidence: it grades no rule, and "
            "knows neither services nor knocks. That saves more than half of its processor time on a busy link.",
            _evidence_memory,
            "SHODOHFLO_EVIDENCE_MEMORY",
        ),
        Setting(
            "LISTED_PORTS",
            "set of (protocol, port)",
            "empty",
            "Ports that services use, such as `{('tcp', 8883)}`, beside TCP ports below 1024 and the list that is "
            "included. Where nothing better shows the service, the end with the only listed port is.",
            _listed,
        ),
        Setting(
            "TTL_GRACE",
            SECONDS,
            str(TTL_GRACE),
            "How long a key outlives the last packet it counts.",
            _seconds,
            "SHODOHFLO_TTL_GRACE",
        ),
        Setting(
            "LOG_LEVEL",
            "text or a level of `logging`",
            f'`"{LOG_LEVEL}"`',
            "The lowest level of the lines that are logged.",
            _level,
            "SHODOHFLO_LOG_LEVEL",
        ),
        Setting(
            "PCAP_STATS",
            SECONDS,
            str(PCAP_STATS),
            "The time between two lines of statistics in the log.",
            _seconds,
            "SHODOHFLO_PCAP_STATS",
        ),
        Setting(
            "SUPPRESS_OWN_NETWORK",
            "`True` or `False`",
            "`False`",
            "Do not record flows between two addresses of our networks; resets and unreachables are still recorded.",
            _switch,
        ),
        Setting(
            "IGNORE_FLOW",
            "set of (address or prefix, port)",
            "empty",
            "A flow with an end in this set has no flow key; its peer and client keys are still recorded.",
            _ignored,
        ),
        Setting(
            "TUNNELS",
            "set of names",
            "`set()`",
            f"UDP tunnels that are opened: {', '.join(f'`{name}`' for name in UDP_TUNNELS)}. The UDP flow around them "
            "is recorded as well. Tunnels without ports (IP in IP, GRE) are always opened.",
            _tunnels,
        ),
        Setting(
            "CAPTURE_FILTER",
            "text",
            "none",
            'An expression of tcpdump (`pcap-filter(7)`), such as `"not port 22"`, which libpcap compiles. The kernel '
            "leaves out all other packets: they cost nothing, and are neither seen nor counted; `replay` counts them "
            "as `excluded`. A VLAN tag hides a packet from an expression without `vlan`.",
            _filter,
        ),
        Setting(
            "ACCEPTED_FINDINGS",
            "dictionary of reasons",
            "empty",
            "Intended findings of `shodohflo check`: `{'DEAD-RULE FLOW_MAPPING[2]': 'kept for the move in March'}`.",
            _accepted,
        ),
        Setting(
            "USE_DNSPYTHON",
            "anything",
            "none",
            "Accepted for compatibility, without effect: the system resolves the name of the store.",
            _anything,
        ),
    )
}

SIBLINGS: Final = frozenset({"SOCKET_ADDRESS", "IGNORE_DNS"})
SIBLING_PREFIXES: Final = ("DNS_", "DNSTAP_")
"""Prefixes of settings of the sibling agents, which often share a file with this one; accepted without a warning."""
