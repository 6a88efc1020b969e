"""The settings of a configuration as one frozen value, and how its file is found, executed and validated."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shodohflo.config.findings import Code, Finding
from shodohflo.config.known import (
    EVIDENCE_MEMORY,
    KNOWN,
    LOG_LEVEL,
    NUMBERS,
    OUTBOX_MEMORY,
    PCAP_STATS,
    SIBLING_PREFIXES,
    SIBLINGS,
    STORE_MEMORY,
    TTL_GRACE,
)
from shodohflo.config.source import Source, nearest
from shodohflo.config.trust import SAFE_PLACE, read_bytes
from shodohflo.errors import ConfigurationError
from shodohflo.model import entry_place
from shodohflo.process.opening import is_privileged
from shodohflo.rules.defaults import default_enumeration, default_mapping
from shodohflo.rules.networks import forgotten_length, parse_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from shodohflo.attribution.policy import IgnoredFlow
    from shodohflo.capture.filters.expression import CaptureFilter
    from shodohflo.pcap_config import FlowMapping, NetworkEnumeration

SEARCHED: Final = (Path("configuration.py"), SAFE_PLACE)
"""The files that `run` and `pcap_agent` look for, in this order, if none is named."""

_CAPITALISED: Final = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Settings:
    """A validated configuration, with defaults for everything that it does not set."""

    path: Path | None
    """The file that was loaded; None for the defaults."""
    digest: str
    """SHA-256 of the file's bytes in hexadecimal; empty for the defaults."""
    store: str | None
    """`REDIS_SERVER` as given: host, host:port or URL."""
    store_memory: int
    """The memory limit of the embedded store, in megabytes."""
    outbox_memory: int
    """The memory for keys that wait for the store, and for what is known of those in it, in megabytes."""
    evidence_memory: int
    """The memory for the evidence of services, in megabytes."""
    listed_ports: tuple[tuple[int, int], ...]
    """Protocol numbers with ports that services use, beside those of the list."""
    ttl: int
    """The lifetime of a key after its last packet, in seconds."""
    log_level: str
    stats_interval: int
    """Seconds between two lines of statistics."""
    suppress_own_network: bool
    ignore_flow: tuple[IgnoredFlow, ...]
    tunnels: frozenset[str]
    """The names of the UDP tunnels that are opened."""
    capture_filter: CaptureFilter | None
    """The packets that are let through; None for all."""
    enumeration: NetworkEnumeration
    mapping: FlowMapping
    """Already numbered with `enumeration`."""
    accepted: Mapping[str, str]
    """The reasons of `ACCEPTED_FINDINGS`, by finding."""
    doubts: tuple[Finding, ...]
    """Findings about names that look like misspelt settings, and about addresses that look like networks."""
    places: Mapping[str, str]
    """The positions, as `file:line:column`, of assigned names, networks and rules; keys are like `FLOW_MAPPING[2]`."""
    names: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)
    """All that the file defines, kept as long as the settings: else its finalizers run in the middle of a command."""

    @property
    def has_own_rules(self) -> bool:
        """Whether the file itself assigns `FLOW_MAPPING`."""
        return "FLOW_MAPPING" in self.places

    @property
    def warnings(self) -> tuple[str, ...]:
        """The doubts that are not accepted, each as one line with its position."""
        told = [doubt for doubt in self.doubts if doubt.label not in self.accepted]
        return tuple(f"{doubt.where}: {doubt.sentence}" for doubt in told)


def find(named: Path | None, searched: Iterable[Path] = ()) -> Path | None:
    """Return the file to load: `named`, else the first of `searched` that exists, else None."""
    return named or next((path for path in searched if path.exists()), None)


def load(
    path: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    privileged: bool | None = None,
    attempt: Callable[[Path, bytes], None] | None = None,
) -> Settings:
    """Load the configuration at `path`, or the defaults for None; variables in `environment` override it.

    With `privileged`, a file that somebody else could change is refused; the default is whether this process runs as
    root or with a capability. `attempt` sees path and bytes before they are executed, and may refuse them; see `trial`.
    Raise `ConfigurationError` for a file that cannot be used.
    """
    if path is None:
        return _settle({}, environment, None)
    try:
        data = read_bytes(path, privileged=is_privileged() if privileged is None else privileged)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}{_origin(path, environment)}") from error
    if attempt is not None:
        attempt(path, data)
    source = Source.parse(path, data)
    names = source.run()
    assigned = {name: names[name] for name in KNOWN if names.get(name) is not None}
    return replace(_settle(assigned, environment, source), names=names)


def _origin(path: Path, environment: Mapping[str, str]) -> str:
    """Return where `path` comes from, if the operator may not expect it."""
    return " (named by SHODOHFLO_CONFIG)" if environment.get("SHODOHFLO_CONFIG") == str(path) else ""


def _settle(assigned: Mapping[str, Any], environment: Mapping[str, str], source: Source | None) -> Settings:
    try:
        values: dict[str, Any] = {name: _read(name, value) for name, value in assigned.items()}
        enumeration, mapping = _rules(values)
    except ValueError as error:
        if source is None:
            raise
        source.refuse(str(error))
    values |= _from_environment(environment)
    if mapping.observes and values.get("EVIDENCE_MEMORY") == 0:
        raise ConfigurationError(
            "EVIDENCE_MEMORY is 0, but FLOW_MAPPING has rules with Observed, which go by evidence; "
            "set it to 4 or more, or write their `otherwise` instead"
        )
    return Settings(
        path=source.path if source else None,
        digest=hashlib.sha256(source.data).hexdigest() if source else "",
        store=values.get("REDIS_SERVER"),
        store_memory=values.get("STORE_MEMORY", STORE_MEMORY),
        outbox_memory=values.get("OUTBOX_MEMORY", OUTBOX_MEMORY),
        evidence_memory=values.get("EVIDENCE_MEMORY", EVIDENCE_MEMORY),
        listed_ports=values.get("LISTED_PORTS", ()),
        ttl=values.get("TTL_GRACE", TTL_GRACE),
        log_level=values.get("LOG_LEVEL", LOG_LEVEL),
        stats_interval=values.get("PCAP_STATS", PCAP_STATS),
        suppress_own_network=values.get("SUPPRESS_OWN_NETWORK", False),
        ignore_flow=values.get("IGNORE_FLOW", ()),
        tunnels=values.get("TUNNELS", frozenset()),
        capture_filter=values.get("CAPTURE_FILTER"),
        enumeration=enumeration,
        mapping=mapping,
        accepted=values.get("ACCEPTED_FINDINGS", {}),
        doubts=(*_misspelt(source), *_short(source, enumeration, assigned)) if source else (),
        places=source.places() if source else {},
    )


def _read(name: str, value: object) -> object:
    try:
        return KNOWN[name].read(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _rules(values: Mapping[str, Any]) -> tuple[NetworkEnumeration, FlowMapping]:
    """Return the networks and the numbered rules, both from the file or both the defaults."""
    enumeration, mapping = values.get("NETWORK_ENUMERATION"), values.get("FLOW_MAPPING")
    if (enumeration is None) != (mapping is None):
        present, absent = ("FLOW_MAPPING", "NETWORK_ENUMERATION")[:: 1 if enumeration is None else -1]
        raise ValueError(f"{present} is set without {absent}; define both, or neither for the defaults")
    if enumeration is None or mapping is None:
        enumeration, mapping = default_enumeration(), default_mapping()
    return enumeration, mapping.number_networks(enumeration)


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that the environment overrides; numbers are converted from text."""
    values: dict[str, Any] = {}
    for setting in KNOWN.values():
        text = environment.get(setting.variable, "")
        if text:
            value = int(text) if setting.type in NUMBERS and text.isdecimal() else text
            values[setting.name] = _from_variable(setting.variable, setting.name, value)
    return values


def _from_variable(variable: str, name: str, value: object) -> object:
    try:
        return KNOWN[name].read(value)
    except ValueError as error:
        raise ConfigurationError(f"environment variable {variable}: {error}") from error


def _misspelt(source: Source) -> Iterator[Finding]:
    """Yield a finding for each capitalised name that is not a setting of this agent or of its siblings."""
    for name, where in source.assigned().items():
        ours = name in KNOWN or name in SIBLINGS or name.startswith(SIBLING_PREFIXES)
        if _CAPITALISED.fullmatch(name) and not ours:
            sentence = (
                f"{name} is not a setting{nearest(name, KNOWN)}; "
                "write names of your own in lower case, or with a leading underscore"
            )
            yield Finding(Code.UNKNOWN_SETTING, name, sentence, where=where)


def _short(source: Source, enumeration: NetworkEnumeration, assigned: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a finding for each entry, and one for IGNORE_FLOW, with an address that looks like that of a network."""
    ends = assigned.get("IGNORE_FLOW")
    ignored = [prefix for prefix, _ in ends] if isinstance(ends, Collection) else []
    found = {entry_place(place): entry.without_length for place, entry in enumerate(enumeration.entries)}
    found["IGNORE_FLOW"] = tuple(map(parse_prefix, filter(forgotten_length, ignored)))
    places = source.places()
    for place, addresses in found.items():
        if addresses:
            told = [f"{one[0]} (did you mean {forgotten_length(one[0])}?)" for one in addresses]
            sentence = f"{place}: without a prefix length this is a single address: {', '.join(told)}"
            yield Finding(Code.FORGOTTEN_LENGTH, place, sentence, where=places.get(place, str(source.path)))
