"""The cost of a change of rules: what it removes from the keys."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shodohflo.keys import from_key
from shodohflo.model import FlowKey, address_text

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Cost:
    """The keys before and after a change of rules, as counts."""

    keys_before: int
    keys_after: int
    services_before: int
    services_after: int
    """Distinct services, (address, port), in the flow keys."""
    packets_before: int
    packets_after: int
    """Packets under flows, resets and unreachables."""
    hidden: tuple[str, ...]
    """The services that no longer appear, the one with most packets first."""
    clients_hidden: int
    """Clients that no longer appear in any key."""

    @classmethod
    def between(cls, before: Mapping[str, int], after: Mapping[str, int]) -> Cost:
        """Compare the keys of two trials."""
        services_before, services_after = _services(before), _services(after)
        return cls(
            keys_before=len(before),
            keys_after=len(after),
            services_before=len(services_before),
            services_after=len(services_after),
            packets_before=_packets(before),
            packets_after=_packets(after),
            hidden=tuple(service for service, _ in services_before.most_common() if service not in services_after),
            clients_hidden=sum(key.startswith("client;") for key in before.keys() - after.keys()),
        )

    @property
    def keys_removed(self) -> float:
        """The share of the keys that is removed, 0 to 1."""
        return (self.keys_before - self.keys_after) / max(self.keys_before, 1)

    @property
    def packets_removed(self) -> float:
        """The share of the recorded packets that is removed, 0 to 1."""
        return (self.packets_before - self.packets_after) / max(self.packets_before, 1)


def _services(keys: Mapping[str, int]) -> Counter[str]:
    """Return the services of the flows, with their packets."""
    services: Counter[str] = Counter()
    for text, packets in keys.items():
        key = from_key(text) if text.endswith(";flow") else None
        if isinstance(key, FlowKey):
            services[f"{address_text(key.service)} port {key.port}"] += packets
    return services


def _packets(keys: Mapping[str, int]) -> int:
    return sum(count for key, count in keys.items() if key.endswith((";flow", ";rst", ";icmp")))
