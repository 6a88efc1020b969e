"""Openings: the TCP flows of the last minutes whose opening segments have not led to a verified answer yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.attribution.evidence.events import NO_EVENT, Events, walk
from shodohflo.attribution.evidence.handshakes import Event, Talk
from shodohflo.columns.memory import Memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.conversations import Conversations
    from shodohflo.attribution.evidence.events import Arrivals
    from shodohflo.attribution.evidence.flows import Shown

    Mask = NDArray[np.bool_]

LIFETIME: Final = 300 * 10**9
"""In ns: how long an opening is remembered."""

_BY_SIDE: Final[dict[str, Any]] = {
    "has_syn": np.bool_,
    "number": np.uint32,
    "quiet": np.bool_,
    "answered": np.uint8,
    "since": np.bool_,
}
_FIELDS: Final = {f"{name}_{side}": dtype for name, dtype in _BY_SIDE.items() for side in (0, 1)} | {
    "led": np.bool_,
    "opener": np.uint8,
}


@dataclass(frozen=True, slots=True)
class _Batch:
    """What happens in the flows of a batch: masks over flows, and times in ns since 1970."""

    opens: Mask
    resets: Mask
    begins: NDArray[np.int64]
    """The first event of each flow; undefined where there is none."""
    last_opening: NDArray[np.int64]

    @classmethod
    def of(cls, talks: Conversations, kind: NDArray[np.uint8]) -> _Batch:
        rows, count = talks.rows, len(talks)
        begins = np.full(count, np.iinfo(np.int64).max, np.int64)
        eventful = kind != NO_EVENT
        np.minimum.at(begins, talks.flow[eventful], rows.first[eventful])
        opening, reset = kind <= Event.SYN_ACK, kind == Event.RESET
        opens, resets = np.zeros((2, count), np.bool_)
        opens[talks.flow[opening]] = resets[talks.flow[reset]] = True
        last_opening = np.full(count, np.iinfo(np.int64).min, np.int64)
        np.maximum.at(last_opening, talks.flow[opening], rows.last[opening])
        return cls(opens, resets, begins, last_opening)


class Openings:
    """The state of openings by flow, bounded."""

    def __init__(self, capacity: int) -> None:
        """Remember at most `capacity` flows."""
        self.memory = Memory(_FIELDS, capacity, LIFETIME)

    @property
    def octets(self) -> int:
        """The memory taken."""
        return self.memory.octets

    def take_in(
        self,
        talks: Conversations,
        kind: NDArray[np.uint8],
        arrivals: Arrivals,
        shown: Shown,
    ) -> None:
        """Take in the TCP packets of a batch, and note in `shown` what the openings say.

        `kind` is the `Event` of each row. Openings are looked for where a flow may have some: where it opens in this
        batch, where `shown` says so, and where nothing else is remembered of it, for openings may come before flows.
        """
        batch = _Batch.of(talks, kind)
        slots = np.full(len(talks), -1, np.int32)
        asked = np.flatnonzero(talks.is_tcp & (batch.opens | shown.open | ~shown.met))
        if not len(asked):
            return
        slots[asked] = self.memory.find(talks.keys[asked], batch.begins[asked])
        live = slots >= 0
        shown.open[asked] = live[asked]
        spoke = talks.spoke != 0
        walked = batch.opens | (live & (batch.resets | (spoke & _is_unclear(talks, shown, live & spoke))))
        chosen = np.flatnonzero(walked | (live & spoke))
        if not len(chosen):
            return
        talk = self._load(slots[chosen], shown, chosen)
        place = np.full(len(talks), -1, np.int32)
        place[chosen] = np.arange(len(chosen))
        walk(Events.of(talks, kind, arrivals, np.where(walked, place, np.int32(-1))).shortened(), talk)
        rest = np.flatnonzero(~walked[chosen])
        flows = chosen[rest]
        talk.carry(rest, _first_side(talks, flows), talks.spoke[flows], talks.last_payload[flows])
        _note(shown, chosen, talk)
        self._save(talks, batch, chosen, slots[chosen], talk)

    def _load(self, slots: NDArray[np.int32], shown: Shown, flows: NDArray[np.intp]) -> Talk:
        live = slots >= 0
        memory = self.memory

        def by_side(name: str) -> NDArray[Any]:
            return np.stack([np.where(live, memory[f"{name}_{side}"][slots], 0) for side in (0, 1)]).astype(
                _BY_SIDE[name]
            )

        return Talk(
            own=shown.own[flows],
            verified=shown.verified[flows],
            seen=shown.seen[flows],
            last=shown.last[flows],
            live=live,
            led=live & memory["led"][slots],
            opener=np.where(live, memory["opener"][slots], np.uint8(0)),
            **{name: by_side(name) for name in _BY_SIDE},
        )

    def _save(
        self, talks: Conversations, batch: _Batch, flows: NDArray[np.intp], slots: NDArray[np.int32], talk: Talk
    ) -> None:
        """Keep the openings that are still live, and forget the others."""
        held = slots >= 0
        self.memory.forget(slots[held & ~talk.live])
        opened = batch.opens[flows]
        # Before any is entered: that may take the place of another.
        self._write(slots, np.flatnonzero(held & talk.live & ~opened), talk)
        new = np.flatnonzero(talk.live & opened)
        entered, _ = self.memory.enter(talks.keys[flows[new]], batch.last_opening[flows[new]])
        kept = entered >= 0
        slots = slots.copy()
        slots[new] = entered
        self._write(slots, new[kept], talk)

    def _write(self, slots: NDArray[np.int32], places: NDArray[np.intp], talk: Talk) -> None:
        into = slots[places]
        for name in _BY_SIDE:
            for side in (0, 1):
                self.memory[f"{name}_{side}"][into] = getattr(talk, name)[side, places]
        self.memory["led"][into], self.memory["opener"][into] = talk.led[places], talk.opener[places]


def _note(shown: Shown, flows: NDArray[np.intp], talk: Talk) -> None:
    """Note what the openings say; flows whose ports are used anew begin without a verdict."""
    shown.own[flows], shown.verified[flows], shown.seen[flows] = talk.own, talk.verified, talk.seen
    shown.shows[flows], shown.latest[flows] = talk.shows, talk.latest()
    shown.open[flows] = talk.live
    shown.renew(flows[talk.anew])


def _is_unclear(talks: Conversations, shown: Shown, among: Mask) -> Mask:
    """Return which flows sent their first payload from both sides at the same time."""
    unclear = np.zeros(len(talks), np.bool_)
    flows = np.flatnonzero(among & (talks.spoke == 0b11) & ~shown.is_two_way)
    if len(flows):
        firsts = [talks.first_payload_of(side)[flows] for side in (0, 1)]
        unclear[flows] = firsts[0] == firsts[1]
    return unclear


def _first_side(talks: Conversations, flows: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return the side of the first payload of each flow as a bit; any side, where both had sent some before."""
    first = talks.spoke[flows].copy()
    both = first == 0b11
    if both.any():
        earlier_0 = talks.first_payload_of(0)[flows[both]] < talks.first_payload_of(1)[flows[both]]
        first[both] = np.where(earlier_0, 0b01, 0b10)
    return first
