"""Portions: what a write takes out of the books. A view is one of the store keys that a slot of a book stands for.

A slot of a flow stands for two keys, that of the flow and its `detail` hash; a slot of a pair of ends for one key in
each direction; all other slots for one. In a cluster, each of them may go another way (`store.delivery`), so a portion
has keys of one view only.

    slot of 10.0.0.1;8.8.8.8;53    view `flow`     7 packets           10.0.0.1;8.8.8.8;53;flow
                                   view `detail`   7 packets by UDP    detail;10.0.0.1;8.8.8.8;53
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from shodohflo.keys.key_columns import ClientKeys, FlowKeys, PairKeys, ResetKeys, UnreachableKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from shodohflo.columns.table import Table

KINDS: Final = ("flow", "peer", "client", "rst", "icmp")
"""The kinds of keys that count packets, as the counters name them."""


def packets_in(counts: Mapping[str, int]) -> int:
    """Return how many packets such counts by kind are of, at least.

    A packet counts in a client, in both keys of a pair, and in a flow, a reset or an unreachable. On a cluster of which
    a part is away, or where there was room for some of them only, the others are not among the counts.
    """
    own = sum(counts.get(kind, 0) for kind in ("flow", "rst", "icmp"))
    return max(counts.get("client", 0), own, -(-counts.get("peer", 0) // 2))


class Doubt(IntEnum):
    """What the store may have of a key, of which it should have what the agent wrote."""

    NONE = 0
    EXPIRED = 1
    """Perhaps less: the key may have expired there in an outage, and another agent may have begun it again."""
    LOST = 2
    """Perhaps less, and perhaps even what is about to be added: the store has lost writes, and nobody knows which."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One of the store keys that a slot stands for."""

    keys: type[Table]
    """The keys of the book."""
    number: int
    """0 or 1: which key of the slot it is."""
    columns: slice
    """Its counters."""
    names: Callable[[Any], list[str]]
    kind: str
    """How its counts are named; empty for `detail`, which counts the same packets as its flow."""


DETAIL: Final = View(FlowKeys, 1, slice(1, 5), FlowKeys.detail_names, "")
REVERSE: Final = View(PairKeys, 1, slice(1, 2), PairKeys.reverse_names, "peer")
VIEWS: Final = (
    View(FlowKeys, 0, slice(0, 1), FlowKeys.key_names, "flow"),
    View(PairKeys, 0, slice(0, 1), PairKeys.key_names, "peer"),
    REVERSE,
    View(ClientKeys, 0, slice(0, 1), ClientKeys.key_names, "client"),
    View(ResetKeys, 0, slice(0, 1), ResetKeys.key_names, "rst"),
    View(UnreachableKeys, 0, slice(0, 1), UnreachableKeys.key_names, "icmp"),
    DETAIL,
)
"""Every view, in the order in which a write has them: hashes are the last."""


@dataclass(frozen=True, slots=True)
class DetailFacts:
    """What a `detail` hash says beside its counts, a value for each key."""

    first: list[int]
    """Nanoseconds since 1970, as is `last`."""
    last: list[int]
    rules: list[tuple[int, str]]
    """Number and sentence of the rule of the row with the latest `last`."""
    rungs: list[int]
    corrected: list[int]
    """When packets were last moved there by a correction, in ns since 1970; 0 for never."""

    def some(self, rows: list[int]) -> DetailFacts:
        """Return the facts about some of the keys."""
        columns = (self.first, self.last, self.rules, self.rungs, self.corrected)
        return DetailFacts(*([column[row] for row in rows] for column in columns))  # type: ignore[arg-type] # in their order


@dataclass(frozen=True, slots=True)
class TakenKeys:
    """Different keys of one view, with what was taken of each."""

    view: View
    slots: NDArray[np.int32]
    generations: NDArray[np.uint32]
    deltas: NDArray[np.int64]
    """What is added to each counter of each key: a row for each key."""

    @property
    def octets(self) -> int:
        """Return the bytes that it occupies, at most."""
        return 500 + self.slots.nbytes + self.generations.nbytes + self.deltas.nbytes


@dataclass(frozen=True, slots=True)
class Portion(TakenKeys):
    """Keys of one view, with what a write says about each."""

    totals: NDArray[np.int64]
    """What the counters are from this agent, `deltas` included: written where the store does not have the key."""
    doubts: NDArray[np.uint8]
    """A `Doubt` for each key."""
    deadlines: NDArray[np.int64]
    """When the keys end, in ns of the outbox's clock."""
    names: list[str]
    """The names of the keys in the store."""
    facts: DetailFacts | None = None
    """For `detail` hashes."""

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self.names)

    @property
    def taken(self) -> TakenKeys:
        """Return what was taken, without what only the write needs."""
        return TakenKeys(self.view, self.slots, self.generations, self.deltas)

    def some(self, rows: NDArray[np.intp]) -> Portion:
        """Return some of the keys."""
        return replace(
            self,
            slots=self.slots[rows],
            generations=self.generations[rows],
            deltas=self.deltas[rows],
            totals=self.totals[rows],
            doubts=self.doubts[rows],
            deadlines=self.deadlines[rows],
            names=[self.names[row] for row in rows.tolist()],
            facts=self.facts and self.facts.some(rows.tolist()),
        )


def counts_of(portions: Iterable[TakenKeys]) -> Counter[str]:
    """Return what `portions` add to the keys, by kind."""
    counted: Counter[str] = Counter()
    for portion in portions:
        if portion.view.kind:
            counted[portion.view.kind] += int(portion.deltas.sum())
    return counted
