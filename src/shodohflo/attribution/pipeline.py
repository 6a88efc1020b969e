"""The heart, without any I/O: frames in, observations out, and every packet in the ledger.

Frames are decoded at once, because a live source needs its memory back. Deciding waits until there
are many packets to decide on together, or until somebody asks what became of them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shodohflo.attribution.ledger import Ledger
from shodohflo.attribution.order import decide
from shodohflo.attribution.policy import CompiledPolicy
from shodohflo.attribution.results import observe, tally, tally_refused
from shodohflo.columns.merging import merge, merge_packets
from shodohflo.columns.pile import Pile
from shodohflo.wire.decode import Packets, decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.attribution.ledger import Tally
    from shodohflo.attribution.policy import Policy
    from shodohflo.columns.batch import Batch, Messages
    from shodohflo.columns.frames import Frames
    from shodohflo.columns.observations import Observations
    from shodohflo.rules.compiler import CompiledRules
    from shodohflo.wire.decode import Decoded

BLOCK = 1 << 15
"""Frames decoded, and packets decided on, at once, or half as many again: their columns still fit the caches."""

_MANY = 1 << 19
"""Observations that may wait unmerged."""


class Pipeline:
    """Attributes packets to flows and keeps what was seen until it is taken."""

    def __init__(self, rules: CompiledRules, policy: Policy) -> None:
        """Decide by `rules` and `policy`; either may be replaced at any time, for the frames to come."""
        self._rules = rules
        self._policy, self._compiled_policy = policy, CompiledPolicy(policy)
        self._ledger = Ledger()
        self._undecided: list[Decoded] = []
        self._frames_undecided = 0
        self._seen: Pile[Observations] = Pile(merge, _MANY)

    def settle(self) -> Ledger:
        """Decide about all packets taken in so far, and return what became of them: a copy, which later ones leave."""
        self._decide()
        return self._ledger.copy()

    def take_unmatched(self) -> Counter[tuple[int, int]]:
        """Return the unmatched packets by their pairs of network ids, and count them from zero again."""
        self._decide()
        taken, self._ledger.unmatched = self._ledger.unmatched, Counter()
        return taken

    @property
    def rules(self) -> CompiledRules:
        """The operator's rules."""
        return self._rules

    @rules.setter
    def rules(self, rules: CompiledRules) -> None:
        self._decide()
        self._rules = rules

    @property
    def policy(self) -> Policy:
        """The settings that decide besides the rules."""
        return self._policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._decide()
        self._policy, self._compiled_policy = policy, CompiledPolicy(policy)

    def ingest(self, frames: Frames) -> None:
        """Take `frames` in; none of their memory is needed afterwards."""
        # Parts of one size: a small rest would cost nearly as much as a whole block.
        parts = max(1, round(len(frames) / BLOCK))
        for part in range(parts):
            block = frames[len(frames) * part // parts : len(frames) * (part + 1) // parts]
            self._undecided.append(decode(block, self._policy.tunnels))
            self._ledger.received += len(block)
            self._frames_undecided += len(block)
            if self._frames_undecided >= BLOCK:
                self._decide()

    def take(self) -> Observations:
        """Return what was seen since the last call, one row for each key and deciding rule."""
        self._decide()
        return self._seen.take()

    def _decide(self) -> None:
        """Give every packet that waits its outcome."""
        decoded, self._undecided, self._frames_undecided = self._undecided, [], 0
        for each in decoded:
            self._ledger.opened.update(each.opened)
        self._attribute(Packets.join(decoded), self._ledger.add)
        self._attribute(Packets.join([each.inside for each in decoded]), self._ledger.add_inside)

    def _attribute(self, packets: Packets, count: Callable[[Tally], None]) -> None:
        """Decide about `packets`, keep what is to be recorded of them, and `count` them all."""
        count(tally_refused(packets.refused))
        tables: list[Batch | Messages] = [*map(merge_packets, packets.batches), *packets.messages]
        for rows in tables:
            decisions = decide(rows, self._rules, self._compiled_policy)
            count(tally(rows, decisions))
            self._seen.add(observe(rows, decisions))
