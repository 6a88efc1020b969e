"""The configuration in force: the settings together with our networks.

Everything that decides about packets comes from one `Configuration`, not from process-wide state. So several can be
used side by side in one process, as `compare` does, and a reload replaces one value by another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from shodohflo.attribution.evidence.evidence import Evidence
from shodohflo.attribution.policy import Policy
from shodohflo.config.known import LEAST_EVIDENCE_MEMORY
from shodohflo.rules.compiler import CompiledRules

if TYPE_CHECKING:
    from shodohflo.attribution.policy import Connection
    from shodohflo.config.settings import Settings
    from shodohflo.model import Network
    from shodohflo.rules.mapping import FlowMapping
    from shodohflo.rules.networks import NetworkEnumeration

_MEGABYTE: Final = 2**20


@dataclass(frozen=True)
class Configuration:
    """The settings, together with our networks."""

    settings: Settings
    named: tuple[Network, ...]
    """Our networks as they were named, derived or presumed; perhaps of one family only, or none."""

    @cached_property
    def our_nets(self) -> tuple[Network, ...]:
        """Everything that is ours: `named`, and what OUR_4NETS or OUR_6NETS stands for if `named` lacks its family."""
        return self.settings.enumeration.ours(self.named)

    @property
    def our_nets_text(self) -> str:
        """Our networks for a message, in which those that nobody named are said to be defaults."""
        named, defaults = self.our_nets[: len(self.named)], self.our_nets[len(self.named) :]
        told = [", ".join(map(str, named))] if named else []
        if defaults:
            told.append("by default " + ", ".join(f"{network} (OUR_{network.version}NETS)" for network in defaults))
        return ", and ".join(told) or "none"

    @cached_property
    def networks(self) -> NetworkEnumeration:
        """The network enumeration of the settings, with OUR_4NETS and OUR_6NETS bound to `our_nets`."""
        return self.settings.enumeration.bound(self.our_nets)

    @cached_property
    def mapping(self) -> FlowMapping:
        """The readable rules, numbered with `networks`, with failure counters of their own."""
        return self.settings.mapping.numbered(self.networks)

    def rules(self) -> CompiledRules:
        """Compile the rules; each call starts with empty tables and counters."""
        return CompiledRules(self.networks, self.settings.mapping.numbered(self.networks))

    def evidence(self) -> Evidence:
        """Return evidence without anything in it; of the least size, if an agent is to keep none."""
        megabytes = self.settings.evidence_memory or LEAST_EVIDENCE_MEMORY
        return Evidence(megabytes * _MEGABYTE, self.our_nets, self.settings.listed_ports)

    def policy(self, own_connections: frozenset[Connection] = frozenset()) -> Policy:
        """Return the policy, which decides about packets besides the rules; `own_connections` are the agent's own."""
        return Policy(
            our_nets=self.our_nets,
            suppress_own_network=self.settings.suppress_own_network,
            ignored=self.settings.ignore_flow,
            own_connections=own_connections,
            tunnels=self.settings.tunnels,
        )
