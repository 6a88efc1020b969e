"""Frames in, observations out, and every packet counted in the ledger; without any I/O.

Frames are decoded as they arrive, because a live source reuses their memory. Decoded packets are queued until there are
enough of them to decide on together, or until a caller asks for results.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shodohflo.attribution.evidence.doors import watch, watch_messages
from shodohflo.attribution.evidence.grading import Grades
from shodohflo.attribution.evidence.verdicts import Heard
from shodohflo.attribution.ledger import Ledger
from shodohflo.attribution.order import decide
from shodohflo.attribution.policy import CompiledPolicy
from shodohflo.attribution.results import kinds_of, observe, tally, tally_undecoded
from shodohflo.columns.corrections import Corrections, merge_corrections
from shodohflo.columns.merging import group_packets, merge
from shodohflo.columns.pile import Pile
from shodohflo.wire.decode import Packets, decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.attribution.evidence.evidence import Evidence
    from shodohflo.attribution.ledger import Tally
    from shodohflo.attribution.order import Decisions
    from shodohflo.attribution.policy import Policy
    from shodohflo.columns.batch import Batch, Messages
    from shodohflo.columns.frames import Frames
    from shodohflo.columns.observations import Observations
    from shodohflo.rules.compiler import CompiledRules
    from shodohflo.wire.decode import Decoded

BLOCK = 1 << 15
"""Frames decoded, and packets decided on, at a time, or up to half as many again: their columns fit the CPU caches."""

_MANY = 1 << 19
"""Observations that may be kept unmerged."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The decisions on some packets, as the pipeline made them."""

    rows: Batch
    decisions: Decisions
    is_inside: bool
    """Whether they were in tunnels."""


class Pipeline:
    """Attributes packets to flows, and keeps the observations until they are taken."""

    def __init__(self, rules: CompiledRules, policy: Policy, evidence: Evidence | None = None) -> None:
        """Decide by `rules` and `policy`; either may be replaced at any time, for frames ingested afterwards.

        Without `evidence`, what rules leave to it is decided as they say without it, and no rule is graded.
        """
        self.evidence = evidence
        self.watcher: Callable[[Watched], None] | None = None
        """Is told of all decisions about TCP and UDP packets, for `compare`."""
        self._grades = Grades()
        self._corrections: Pile[Corrections] = Pile(merge_corrections, _MANY)
        self._rules = rules
        self._policy, self._compiled_policy = policy, CompiledPolicy(policy)
        self._ledger = Ledger()
        self._undecided: list[Decoded] = []
        self._frames_undecided = 0
        self._seen: Pile[Observations] = Pile(merge, _MANY)

    def settle(self) -> Ledger:
        """Decide about all packets ingested so far, and return a copy of the ledger."""
        self._decide()
        return self._ledger.copy()

    def take_unmatched(self) -> Counter[tuple[int, int]]:
        """Return the unmatched packets by their pairs of network ids, and restart that count at zero."""
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
        self._rules, self._grades = rules, Grades()

    @property
    def policy(self) -> Policy:
        """The settings that decide in addition to the rules."""
        return self._policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._decide()
        self._policy, self._compiled_policy = policy, CompiledPolicy(policy)

    def ingest(self, frames: Frames) -> None:
        """Decode `frames`; their memory may be reused afterwards."""
        # Blocks of equal size: a small remainder would cost nearly as much as a whole block.
        parts = max(1, round(len(frames) / BLOCK))
        for part in range(parts):
            block = frames[len(frames) * part // parts : len(frames) * (part + 1) // parts]
            self._undecided.append(decode(block, self._policy.tunnels, listens=self.evidence is not None))
            self._ledger.received += len(block)
            self._frames_undecided += len(block)
            if self._frames_undecided >= BLOCK:
                self._decide()

    def exclude(self, packets: int) -> None:
        """Count packets of a capture that a filter leaves out."""
        self._ledger.exclude(packets)

    def take(self) -> Observations:
        """Return the observations since the last call, one row for each key and deciding rule."""
        self._decide()
        return self._seen.take()

    def take_corrections(self) -> Corrections:
        """Return the corrections since the last call; they are about the observations taken until now.

        Call `take` first: a correction may move what was observed only since.
        """
        return self._corrections.take()

    @property
    def grades(self) -> Grades:
        """How the rules compare with evidence since they were set.

        A flow that has graded the rules before them grades these no more.
        """
        return self._grades

    def _decide(self) -> None:
        """Decide about all queued packets."""
        decoded, self._undecided, self._frames_undecided = self._undecided, [], 0
        for each in decoded:
            self._ledger.opened.update(each.opened)
        self._attribute(Packets.join(decoded), self._ledger.add, is_inside=False)
        self._attribute(Packets.join([each.inside for each in decoded]), self._ledger.add_inside, is_inside=True)

    def _attribute(self, packets: Packets, count: Callable[[Tally], None], *, is_inside: bool) -> None:
        """Decide about `packets`, keep their observations, and pass their counts to `count`."""
        count(tally_undecoded(packets))
        for batch in packets.batches:
            merged = group_packets(batch)
            evidence = self.evidence
            if evidence:
                watch(evidence, merged.rows, self._compiled_policy.is_ours)
            heard = Heard.of(evidence, merged, is_inside=is_inside) if evidence else None
            decisions = decide(merged.rows, self._rules, self._compiled_policy, heard)
            self._keep(merged.rows, decisions, count)
            if self.watcher:
                self.watcher(Watched(merged.rows, decisions, is_inside))
            if heard and decisions.said:
                kinds = kinds_of(decisions)
                self._corrections.add(
                    heard.record(decisions.said, decisions.verdicts, kinds, self._rules.opinions, self._grades)
                )
        for messages in packets.messages:
            if self.evidence:
                watch_messages(self.evidence, messages, self._compiled_policy.is_ours)
            self._keep(messages, decide(messages, self._rules, self._compiled_policy), count)

    def _keep(self, rows: Batch | Messages, decisions: Decisions, count: Callable[[Tally], None]) -> None:
        """Keep the observations of `rows`, and pass their counts to `count`."""
        count(tally(rows, decisions))
        self._seen.add(observe(rows, decisions))
