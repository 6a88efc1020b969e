"""The hint that nearly all packets are unmatched: usually our networks are not those of the traffic."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from shodohflo.attribution.ledger import Outcome, dropping_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shodohflo.model import Network

LEAST: Final = 50
"""The number of packets below which a share means nothing."""

NEARLY_ALL: Final = 0.95

_UNMATCHED: Final = frozenset({Outcome.NO_NETWORK, Outcome.NO_RULE})
_DECIDED: Final = frozenset({Outcome.FLOW, Outcome.FLOW_IGNORED})


@dataclass(frozen=True, slots=True)
class Judged:
    """How many packets the rules were asked about, and how many of these they left unmatched."""

    packets: int = 0
    unmatched: int = 0

    @classmethod
    def of(cls, outcomes: Mapping[str, int]) -> Self:
        """Count them among the `outcomes` of a ledger."""
        unmatched = sum(count for name, count in outcomes.items() if name in _UNMATCHED)
        others = sum(count for name, count in outcomes.items() if name in _DECIDED or dropping_rule(name) is not None)
        return cls(unmatched + others, unmatched)

    def since(self, before: Judged) -> Judged:
        """Return what has been added since `before`."""
        return Judged(self.packets - before.packets, self.unmatched - before.unmatched)

    def hint(self, our_nets: Iterable[Network]) -> str:
        """Return one sentence with the way out, or nothing if enough is matched."""
        if self.packets < LEAST or self.unmatched < NEARLY_ALL * self.packets:
            return ""
        ours = ", ".join(map(str, our_nets)) or "none"
        return (
            f"{100 * self.unmatched // self.packets} % of {self.packets:,} packets that reached the rules are "
            f"unmatched, so they are not recorded; our networks are {ours}: name others with --our-nets, "
            "or add rules (`shodohflo explain PACKET` shows why one is unmatched)"
        )


def hint_at_unmatched(outcomes: Mapping[str, int], our_nets: Iterable[Network]) -> None:
    """Print a hint on standard error if nearly all packets are unmatched; `outcomes` are those of a ledger."""
    if hint := Judged.of(outcomes).hint(our_nets):
        sys.stderr.write(f"hint: {hint}\n")
