"""The hint that nearly all packets are unmatched: usually our networks are not those of the traffic."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from shodohflo.attribution.ledger import Outcome, dropping_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shodohflo.model import Network

LEAST: Final = 50
"""The number of packets below which a share means nothing."""

NEARLY_ALL: Final = 0.95

NO_NETWORK: Final = "-"
"""Stands for the name of a network where there is none."""

_UNMATCHED: Final = frozenset({Outcome.NO_NETWORK, Outcome.NO_RULE})
_DECIDED: Final = frozenset({Outcome.FLOW, Outcome.FLOW_IGNORED})


class Origin(StrEnum):
    """Where our networks come from."""

    NAMED = "named"
    """By the operator."""
    ADDRESSES = "addresses"
    """From the addresses of the interfaces."""
    DEFAULTS = "defaults"
    """No interface has had an address that shows a network."""


_ORIGINS: Final = {
    Origin.NAMED: "",
    Origin.ADDRESSES: ", from the addresses of the interfaces,",
    Origin.DEFAULTS: ", by default, because no interface has an address,",
}


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

    def hint(self, our_nets: Iterable[Network], origin: Origin = Origin.NAMED, why: str = "") -> str:
        """Return one sentence with the way out, or nothing if enough is matched; `why` says what is known."""
        if self.packets < LEAST or self.unmatched < NEARLY_ALL * self.packets:
            return ""
        ours = ", ".join(map(str, our_nets)) or "none"
        reason = f"; {why}" if why else ""
        return (
            f"{100 * self.unmatched // self.packets} % of {self.packets:,} packets that reached the rules are "
            f"unmatched, so they are not recorded{reason}; our networks{_ORIGINS[origin]} are {ours}: name others with "
            "--our-nets, "
            "or add rules (`shodohflo explain PACKET` shows why one is unmatched)"
        )


def why_unmatched(pairs: Mapping[tuple[str, str], int]) -> str:
    """Return what most packets without a match have in common.

    `pairs` has the packets by the names of their networks, with - for an address that is in none.
    """
    if not any(pairs.values()):
        return ""
    (src, dst), count = max(pairs.items(), key=lambda pair: (pair[1], pair[0]))
    share = f"{100 * count // sum(pairs.values())} % of them go from {_network(src)} to {_network(dst)}"
    if NO_NETWORK in {src, dst}:
        return f"{share}, and NETWORK_ENUMERATION has no entry for these"
    return f"{share}, and no rule of FLOW_MAPPING has an opinion about these"


def _network(name: str) -> str:
    return "an address in no network" if name == NO_NETWORK else name


def hint_at_unmatched(outcomes: Mapping[str, int], our_nets: Iterable[Network]) -> None:
    """Print a hint on standard error if nearly all packets are unmatched; `outcomes` are those of a ledger."""
    if hint := Judged.of(outcomes).hint(our_nets):
        sys.stderr.write(f"hint: {hint}\n")
