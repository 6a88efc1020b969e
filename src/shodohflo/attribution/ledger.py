"""The ledger: every received packet has exactly one outcome, and the outcomes sum to the packets received."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from shodohflo.model import Explained, rule_number
from shodohflo.wire.layers import unread
from shodohflo.wire.names import describe
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome(Explained):
    """The outcomes that carry no rule number and no reason for refusal."""

    FLOW = "recorded.flow", "recorded under flow, peer and client keys"
    FLOW_IGNORED = "recorded.flow_ignored", "one end is in IGNORE_FLOW: recorded under peer and client keys only"
    RESET = "recorded.rst", "a TCP reset to one of our networks: recorded under rst and client keys"
    UNREACHABLE = "recorded.icmp", "an unreachable to one of our networks: recorded under icmp and client keys"
    EXCLUDED = "excluded", "left out of a replay by --filter or CAPTURE_FILTER; a running agent does not see them"
    SENT = "sent", "marked in the capture as sent by the capturing host: not received traffic"
    HANDSHAKE = "handshake", "TCP with SYN or FIN: no proof that data flowed"
    RESET_ELSEWHERE = "rst_elsewhere", "a TCP reset to an address outside our networks"
    ICMP_OTHER = "icmp_other", "ICMP other than an unreachable to our networks about TCP or UDP"
    OWN_NETWORK = "own_network", "both ends are in our networks, and SUPPRESS_OWN_NETWORK is set"
    OWN_TRAFFIC = "own_traffic", "the agent's own traffic with its store"
    NO_NETWORK = "unmatched.no_network", "an address in no network of NETWORK_ENUMERATION"
    NO_RULE = "unmatched.no_rule", "no rule of FLOW_MAPPING had an opinion"


DROPPED = "dropped.FLOW_MAPPING[{}]"
"""Dropped by rule n, which has `drop=True`; `dropping_rule` is the reverse."""

REFUSED = "refused.{}"
"""Refused by a decoder, for a `wire.refusals.Refusal`."""


_MEANINGS: Final = {str(outcome): outcome.explanation for outcome in Outcome} | {
    REFUSED.format(refusal): refusal.explanation for refusal in Refusal
}


def dropping_rule(outcome: str) -> int | None:
    """Return the number of the rule that dropped the packets with `outcome`, or None if they were not dropped."""
    what, _, place = outcome.partition(".")
    return rule_number(place) if what == "dropped" else None


def meaning_of(outcome: str) -> str:
    """Explain an outcome; some end with the rule or the link type in brackets."""
    return _MEANINGS.get(outcome) or _MEANINGS.get(outcome.partition("[")[0], "by that rule")


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of some packets, as counts to be added to a ledger."""

    outcomes: Mapping[str, int]
    """Packets by outcome."""
    unmatched: Mapping[tuple[int, int], int]
    """The unmatched packets by the ids of their source and destination networks; they are in `outcomes` as well."""
    unread: Mapping[int, int] = field(default_factory=dict)
    """The refused packets whose next header is not read, by its layer; they are in `outcomes` as well."""


@dataclass(slots=True)
class Ledger:
    """The counts of all packets so far."""

    received: int = 0
    kernel_dropped: int = 0
    """Packets that found no room in the ring; `received + kernel_dropped` is what the kernel counts."""
    outcomes: Counter[str] = field(default_factory=Counter)
    opened: Counter[str] = field(default_factory=Counter)
    """Tunnels opened, by name; one packet may hold several nested ones."""
    inside: Counter[str] = field(default_factory=Counter)
    """Outcomes of the packets inside UDP tunnels; the packet around them is counted in `outcomes`."""
    unmatched: Counter[tuple[int, int]] = field(default_factory=Counter)
    """The unmatched packets by the ids of their source and destination networks; they are in `outcomes` as well."""
    unread: Counter[int] = field(default_factory=Counter)
    """The refused packets whose next header is not read, by its layer; they are in `outcomes` as well. Without those
    inside UDP tunnels."""
    filters: tuple[str, ...] = ()
    """The last expressions of the operator that were in force, each from when the one before ended. What one left out
    in the kernel is in no count here."""

    def add(self, tally: Tally) -> None:
        """Add packets that were received."""
        self.outcomes.update(tally.outcomes)
        self.unread.update(tally.unread)
        self.unmatched.update(tally.unmatched)

    def exclude(self, packets: int) -> None:
        """Add packets of a capture that a filter leaves out."""
        self.received += packets
        self.outcomes[Outcome.EXCLUDED] += packets

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
            unread=self.unread.copy(),
        )

    def as_dict(self) -> dict[str, object]:
        """Return what `--ledger FILE` writes.

        Left out are `filters` without a filter, `opened` and `inside` without a tunnel, `not_ip` and `protocol` if
        nothing was refused so.
        """
        counts: dict[str, object] = {
            "received": self.received,
            "kernel_dropped": self.kernel_dropped,
            "outcomes": _sorted(self.outcomes),
        }
        if self.filters:
            counts["filters"] = list(self.filters)
        of_tunnels = {"opened": _sorted(self.opened), "inside": _sorted(self.inside)}
        named = {reason: _sorted(kinds) for reason, kinds in self.refused_kinds().items()}
        return counts | {name: counted for name, counted in (of_tunnels | named).items() if counted}

    def refused_kinds(self) -> dict[str, Counter[str]]:
        """Return what the packets were that were refused as `not_ip` or `protocol`: numbers and names, by reason."""
        kinds: dict[str, Counter[str]] = {}
        for layer, count in self.unread.items():
            kinds.setdefault(str(unread(layer)), Counter())[describe(layer)] += count
        return kinds


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return {str(name): count for name, count in sorted(counts.items()) if count}
