"""Flows: what each flow has shown so far, and the verdict that was written for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.attribution.evidence.hints import short
from shodohflo.attribution.evidence.sides import Service
from shodohflo.columns.memory import Memory
from shodohflo.model import Rung

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.conversations import Conversations

LIFETIME: Final = 900 * 10**9
"""In ns: how long a flow is remembered after its last payload."""

LONG_AGO: Final = np.iinfo(np.int64).min // 2
"""The time of what did not happen; other times can be subtracted from it."""

_SHOWN: Final[dict[str, Any]] = {
    "own": np.uint8,
    "verified": np.bool_,
    "seen": np.uint8,
    "said": np.uint8,
    "service": np.uint8,
    "rung": np.uint8,
    "corrected": np.uint8,
    "graded": np.bool_,
    "told": np.uint8,
    "open": np.bool_,
}
"""Read for every flow of a batch but the settled ones."""

_WRITTEN: Final[dict[str, Any]] = {
    f"{name}_{side}": dtype
    for side in (0, 1)
    for name, dtype in (("packets", np.int64), ("octets", np.int64), ("first", np.int64))
}
"""Read for flows that `Observed` rules are about, and whose verdicts may be corrected."""


_SETTLED: Final[dict[str, Any]] = {"settled": np.bool_, "hint_0": np.uint32, "hint_1": np.uint32}
"""Read for rows, before they are arranged by flows: see `settled`. The hints are `short` keys of the flow's ends."""


@dataclass(slots=True)
class Shown:
    """What the flows of one batch have shown, as columns; changed in place, then kept by `Flows.keep`."""

    slots: NDArray[np.int32]
    """Where each flow is kept; negative for a flow that is not."""
    last: NDArray[np.int64]
    """When each had its last payload before this batch, in ns since 1970; long ago if it had none."""
    own: NDArray[np.uint8]
    """A `handshakes.Own`: what the openings of a TCP flow said, or the datagrams of a UDP flow."""
    verified: NDArray[np.bool_]
    """Whether both sides showed it: a matched handshake, or a request and its response."""
    seen: NDArray[np.uint8]
    """Which sides sent payload: bit 0 for side 0, bit 1 for side 1."""
    said: NDArray[np.uint8]
    """What datagrams said: bits 0 and 1 for requests of side 0 and 1, bits 2 and 3 for their responses."""
    service: NDArray[np.uint8]
    """A `sides.Service`: the verdict that is written."""
    rung: NDArray[np.uint8]
    """A `model.Rung`: the evidence for it; `NONE` if there is no verdict yet."""
    corrected: NDArray[np.uint8]
    """The rungs whose evidence has corrected the flow, as bits."""
    graded: NDArray[np.bool_]
    """Whether the rules were graded by this flow."""
    told: NDArray[np.uint8]
    """What has been remembered because of the flow: bits of `handshakes.Showing` and `telling.Telling`."""
    open: NDArray[np.bool_]
    """Whether it may have openings; where it is false, it has none, if the flow is `met`."""
    met: NDArray[np.bool_]
    """Whether it was remembered before this batch."""
    anew: NDArray[np.bool_] = field(init=False)
    """Whether the ports are used for another conversation since this batch."""
    latest: NDArray[np.uint8] = field(init=False)
    """A `handshakes.Own`: `own`, with what openings after the last payload say. This is what the ladder asks."""
    shows: NDArray[np.uint8] = field(init=False)
    """What the flow showed in this batch for other flows: bits of `handshakes.Showing`."""
    was_two_way: NDArray[np.bool_] = field(init=False)
    """Whether both sides had sent payload before this batch."""
    rung_before: NDArray[np.uint8] = field(init=False)
    """The `rung` before this batch."""

    def __post_init__(self) -> None:
        """Begin with what was shown before this batch."""
        self.anew = np.zeros(len(self.slots), np.bool_)
        self.shows = np.zeros(len(self.slots), np.uint8)
        self.latest = self.own.copy()
        self.was_two_way = self.is_two_way
        self.rung_before = self.rung.copy()

    def renew(self, flows: NDArray[np.intp]) -> None:
        """Forget the verdicts of `flows`: their ports are used for other conversations."""
        for column in (self.service, self.rung, self.corrected, self.graded):
            column[flows] = 0
        self.anew[flows] = True

    @property
    def is_two_way(self) -> NDArray[np.bool_]:
        """Whether both sides sent payload."""
        two_way: NDArray[np.bool_] = self.seen == 0b11
        return two_way


class Flows:
    """The flows of the last quarter of an hour, bounded."""

    def __init__(self, capacity: int) -> None:
        """Remember at most `capacity` flows."""
        self.memory = Memory(_SHOWN | _WRITTEN | _SETTLED, capacity, LIFETIME)
        self._marked = np.zeros(self.memory.capacity + 1, np.bool_)

    @property
    def octets(self) -> int:
        """The memory taken."""
        return self.memory.octets + self._marked.nbytes

    def marked(self, slots: NDArray[np.int32], rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of `slots` are also the slot of any of `rows`, a mask."""
        some = slots[rows]
        self._marked[some] = True
        marked: NDArray[np.bool_] = self._marked[slots]
        self._marked[some] = False
        return marked

    def of(self, talks: Conversations, slots: NDArray[np.int32]) -> Shown:
        """Return what the flows of a batch have shown; those with payload are remembered from now on.

        `slots` is where `memory.locate` finds them. A flow is looked for at its first payload of the batch, or where it
        has none at its first packet.
        """
        memory, spoke = self.memory, talks.spoke != 0
        last = memory.last_of(slots)
        met = (slots >= 0) & (last >= np.where(spoke, talks.first_payload, talks.begin) - LIFETIME)
        slots = np.where(met, slots, np.int32(-1))
        last = np.where(met, last, LONG_AGO)
        again, new = np.flatnonzero(met & spoke), np.flatnonzero(spoke & ~met)
        memory.use(slots[again], talks.last_payload[again])
        if len(new):
            slots[new], _ = memory.enter(talks.keys[new], talks.last_payload[new])
            # What is entered may take the place of another flow of this batch.
            slots[memory.keys_of(slots) != talks.keys] = -1
            met &= slots >= 0
        return Shown(slots=slots, last=last, met=met, **{name: self._read(name, slots, met) for name in _SHOWN})

    def keep(self, shown: Shown) -> None:
        """Keep what the flows of a batch have shown."""
        kept = shown.slots >= 0
        slots = shown.slots[kept]
        for name in _SHOWN:
            self.memory[name][slots] = getattr(shown, name)[kept]

    def is_owed(self, shown: Shown) -> NDArray[np.bool_]:
        """Return of which flows proof says that something was counted under the wrong end."""
        counted = [self.memory[f"packets_{side}"][shown.slots] > 0 for side in (0, 1)]
        wrong = np.where(shown.service == Service.SIDE_0, counted[1], counted[0])
        is_proof = (shown.rung > Rung.NONE) & (shown.rung <= Rung.KNOWN) & (shown.service != Service.UNKNOWN)
        owed: NDArray[np.bool_] = (
            is_proof & wrong & (shown.slots >= 0) & (shown.corrected >> shown.rung & np.uint8(1) == 0)
        )
        return owed

    def settle(self, talks: Conversations, shown: Shown, is_done: NDArray[np.bool_]) -> None:
        """Note which flows are settled from now on, see `settled`; `is_done` where nothing has to be corrected."""
        slots, memory = shown.slots, self.memory
        memory["settled"][slots] = is_done & (shown.rung != Rung.NONE) & ~shown.open
        weak = np.flatnonzero(shown.rung > Rung.KNOWN)
        for side in (0, 1):
            memory[f"hint_{side}"][slots[weak]] = short(talks.end_keys[side, weak])

    def _read(self, name: str, slots: NDArray[np.int32], found: NDArray[np.bool_]) -> NDArray[Any]:
        values = self.memory[name]
        return np.where(found, values[slots], values.dtype.type(0))
