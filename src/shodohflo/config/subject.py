"""What is examined: a configuration together with our networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shodohflo.config.findings import Finding
    from shodohflo.rules.mapping import FlowMapping
    from shodohflo.rules.networks import Network, NetworkEnumeration


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is examined."""

    enumeration: NetworkEnumeration
    mapping: FlowMapping
    our_nets: tuple[Network, ...]
    """As the agent is told; OUR_4NETS and OUR_6NETS are bound to them already."""
    suppress_own_network: bool = False
    doubts: tuple[Finding, ...] = ()
    """What was noticed when the file was read."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where in the file settings and entries stand, by their names."""
    accepted: Mapping[str, str] = field(default_factory=dict)
    """The reason for each finding that is accepted, by its label."""
