"""The work of decoding: rows go from header to header until each is found or refused.

Headers are worked off level by level, all rows with the same next header at once, and transport
headers, which end the way, once for all levels: even packets made to be different cost a bounded
number of steps.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import LINK, TRANSPORT, unread
from shodohflo.wire.linktypes import BEYOND
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Result = TypeVar("Result")

Decoder = Callable[["Decoding[Any]", Rows], None]
"""Reads one kind of header: every row is sent onward, found or refused."""

MAX_DEPTH = 32
"""Headers upon headers that we follow: deep enough for stacked tags and tunnels, no invitation to loop."""

_SPAN = 1 << 16
"""What lies between two bases of `layers`."""

_FEW = 1 << 10
"""Rows of which it costs little to find out which numbers they have."""


class DecoderTable:
    """Which decoder reads which layer; what is usual stands first, and is looked for first."""

    def __init__(self, decoders: Mapping[int, Decoder]) -> None:
        """Take `decoders` by layer."""
        self._decoders = dict(decoders)
        self._numbers: dict[int, list[int]] = {}
        for layer in self._decoders:
            self._numbers.setdefault(layer // _SPAN * _SPAN, []).append(layer % _SPAN)
        # A frame may begin with what an EtherType names: the kernel has then read the link header.
        self._numbers[LINK] = [layer for layer in self._decoders if layer < ETHERTYPE + _SPAN]

    def layers(self) -> list[int]:
        """Return every layer that is read."""
        return list(self._decoders)

    def get(self, layer: int) -> Decoder | None:
        """Return the decoder of `layer`, if we read it."""
        return self._decoders.get(layer)

    def numbers(self, base: int) -> list[int]:
        """Return the numbers n for which there is a decoder of layer `base` + n."""
        return self._numbers[base]


class Decoding(Generic[Result]):
    """Rows on their way through `decoders`, and what has become of them."""

    def __init__(self, table: DecoderTable, tunnels: frozenset[str] = frozenset(), depth: int = MAX_DEPTH) -> None:
        """Start with nothing to do; `table` reads each layer, `tunnels` over UDP are looked into."""
        self._depth = depth
        self.table = table
        self.tunnels = tunnels
        self.decoded: list[Result] = []
        self.refused: list[tuple[str, Rows]] = []
        self.opened: Counter[str] = Counter()
        self.inside: list[tuple[int, Rows]] = []
        self._next: defaultdict[int, list[Rows]] = defaultdict(list)
        self._last: defaultdict[int, list[Rows]] = defaultdict(list)

    def run(self) -> None:
        """Decode until every row is found or refused."""
        for _ in range(self._depth):
            level, self._next = self._next, defaultdict(list)
            for layer, several in level.items():
                self._decode(layer, Rows.concatenate(several))
            if not self._next:
                break
        for several in self._next.values():
            self.refuse(Rows.concatenate(several), Refusal.TOO_DEEP)
        for layer, several in self._last.items():
            self._decode(layer, Rows.concatenate(several))

    def waiting(self) -> int:
        """Count the rows that `run` would decode."""
        return sum(len(rows) for several in self._next.values() for rows in several)

    def _decode(self, layer: int, rows: Rows) -> None:
        decoder = self.table.get(layer)
        if decoder is None:
            self.refuse(rows, unread(layer))
        else:
            decoder(self, rows)

    def next_header(self, rows: Rows, layer: int) -> None:
        """Go on with the header of `layer` that begins at each row's `at`."""
        if len(rows):
            (self._last if layer in TRANSPORT else self._next)[layer].append(rows)

    def dispatch(self, rows: Rows, base: int, numbers: NDArray[np.unsignedinteger[Any]]) -> None:
        """Go on with layer `base` + each row's own number."""
        if len(rows) and (numbers == numbers[0]).all():
            self.next_header(rows, base + int(numbers[0]))
            return
        rest, left = np.ones(len(rows), np.bool_), len(rows)
        for number in self._readable(base, numbers):
            chosen = numbers == number
            count = int(np.count_nonzero(chosen))
            if count:
                self.next_header(rows.keep(chosen), base + number)
                rest, left = rest ^ chosen, left - count
            if not left:
                return
        self._refuse_unread(rows.keep(rest), base + numbers[rest].astype(np.uint32))

    def _readable(self, base: int, numbers: NDArray[np.unsignedinteger[Any]]) -> list[int]:
        """Return those of `numbers` that some decoder reads; of many, perhaps others that some decoder reads."""
        known = self.table.numbers(base)
        # Looking for each that we know costs less than finding out which there are, but for a few rows.
        return known if len(numbers) > _FEW else [number for number in np.unique(numbers).tolist() if number in known]

    def _refuse_unread(self, rows: Rows, layers: NDArray[np.uint32]) -> None:
        """Refuse what nobody reads, with as few steps as there are reasons, not numbers."""
        alike = np.where(layers < ETHERTYPE, np.minimum(layers, BEYOND), layers // ETHERTYPE * ETHERTYPE)
        for layer in np.unique(alike).tolist():
            self.refuse(rows.keep(alike == layer), unread(layer))

    def refuse(self, rows: Rows, reason: str) -> None:
        """Give up on `rows`."""
        if len(rows):
            self.refused.append((reason, rows))

    def open(self, rows: Rows, name: str) -> None:
        """Count packets that turned out to be tunnels."""
        if len(rows):
            self.opened[name] += len(rows)

    def look_inside(self, rows: Rows, layer: int, name: str) -> None:
        """Have packets that were found for themselves looked into as well."""
        if len(rows):
            self.open(rows, name)
            self.inside.append((layer, rows))

    def keep_if(self, rows: Rows, good: NDArray[np.bool_], reason: str) -> Rows:
        """Keep the rows that are `good`, refuse the others."""
        if not good.all():
            self.refuse(rows.keep(~good), reason)
        return rows.keep(good)

    def check(self, rows: Rows, *conditions: tuple[NDArray[np.bool_], str]) -> NDArray[np.bool_]:
        """Tell which rows meet all conditions; the others are refused for the first that they fail."""
        good = np.ones(len(rows), np.bool_)
        for met, reason in conditions:
            if not met.all():
                self.refuse(rows.keep(good & ~met), reason)
                good &= met
        return good

    def require(self, rows: Rows, size: int | NDArray[Any], reason: str) -> Rows:
        """Keep the rows of which `size` bytes were captured, refuse the others."""
        return self.keep_if(rows, rows.end - rows.at >= size, reason)
