"""The ledger: every received packet has exactly one outcome, and the outcomes sum to the packets received."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shodohflo.model import Explained

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome(Explained):
    """The outcomes without a number or a reason of their own."""

    FLOW = "recorded.flow", "recorded under flow, peer and client keys"
    FLOW_IGNORED = "recorded.flow_ignored", "one end is in IGNORE_FLOW: recorded under peer and client keys only"
    RESET = "recorded.rst", "a TCP reset to one of our networks: recorded under rst and client keys"
    UNREACHABLE = "recorded.icmp", "an unreachable to one of our networks: recorded under icmp and client keys"
    HANDSHAKE = "handshake", "TCP with SYN or FIN: no proof that data flowed"
    RESET_ELSEWHERE = "rst_elsewhere", "a TCP reset to an address outside our networks"
    ICMP_OTHER = "icmp_other", "ICMP that is no unreachable of TCP or UDP to our networks"
    OWN_NETWORK = "own_network", "between two of our own addresses, with SUPPRESS_OWN_NETWORK"
    OWN_TRAFFIC = "own_traffic", "the agent's own talk with its store"
    NO_NETWORK = "unmatched.no_network", "an address in no network of NETWORK_ENUMERATION"
    NO_RULE = "unmatched.no_rule", "no rule of FLOW_MAPPING had an opinion"


DROPPED = "dropped.FLOW_MAPPING[{}]"
"""By rule n, which has `drop=True`."""

REFUSED = "refused.{}"
"""By a `wire.Refusal`."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of some packets, as counts to be added to a ledger."""

    outcomes: Mapping[str, int]
    """Packets by outcome."""
    unmatched: Mapping[tuple[int, int], int]
    """The unmatched ones again, by the ids of their source and destination networks."""


@dataclass(slots=True)
class Ledger:
    """What became of the packets, so far."""

    received: int = 0
    kernel_dropped: int = 0
    """Packets that the kernel counted and had no room for: received + kernel_dropped is its count."""
    outcomes: Counter[str] = field(default_factory=Counter)
    opened: Counter[str] = field(default_factory=Counter)
    """Tunnels opened, by name; one packet may be several within each other."""
    inside: Counter[str] = field(default_factory=Counter)
    """Outcomes of the packets inside UDP tunnels: beside `outcomes`, where the packet around them has its own."""
    unmatched: Counter[tuple[int, int]] = field(default_factory=Counter)
    """The unmatched ones again, by the ids of their source and destination networks."""

    def add(self, tally: Tally) -> None:
        """Add packets that were received."""
        self.outcomes.update(tally.outcomes)
        self.unmatched.update(tally.unmatched)

    def add_inside(self, tally: Tally) -> None:
        """Add packets that were found inside UDP tunnels."""
        self.inside.update(tally.outcomes)
        self.unmatched.update(tally.unmatched)

    def copy(self) -> Ledger:
        """Return the ledger as it is now; later additions to this one do not change the copy."""
        return replace(
            self,
            outcomes=self.outcomes.copy(),
            opened=self.opened.copy(),
            inside=self.inside.copy(),
            unmatched=self.unmatched.copy(),
        )

    def as_dict(self) -> dict[str, object]:
        """Return what `--ledger FILE` writes; tunnels are told of where there were any."""
        told: dict[str, object] = {
            "received": self.received,
            "kernel_dropped": self.kernel_dropped,
            "outcomes": _sorted(self.outcomes),
        }
        tunnels = {"opened": _sorted(self.opened), "inside": _sorted(self.inside)}
        return told | {name: counts for name, counts in tunnels.items() if counts}


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return {str(name): count for name, count in sorted(counts.items()) if count}
