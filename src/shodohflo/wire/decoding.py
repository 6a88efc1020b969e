"""The main loop of decoding: rows go from header to header until each packet is decoded or refused.

Headers are decoded level by level, all rows with the same next header in one call. Transport headers, which are always
the last, are decoded once, after all levels. So the number of calls is bounded even for packets made to have nothing in
common. An example, with one row a frame:

    level 1   Ethernet: 3 rows     IPv4 to 2, VLAN tag to 1
    level 2   IPv4: 2 rows         TCP to 1, GRE to 1           VLAN tag: 1 row    IPv4 to 1
    level 3   GRE: 1 row           IPv4 to 1                    IPv4: 1 row        TCP to 1
    level 4   IPv4: 1 row          TCP to 1
    last      TCP: 3 rows          one call, three packets decoded
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from shodohflo.columns.frames import ETHERTYPE, FAILED_CHECK, SENT
from shodohflo.wire.layers import LINK, TRANSPORT, unread
from shodohflo.wire.linktypes import BEYOND
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Result = TypeVar("Result")

Decoder = Callable[["Decoding[Any]", Rows], None]
"""Decodes one kind of header: it passes every row to the next header, reports it as decoded, or refuses it."""

MAX_DEPTH = 32
"""The most headers followed in one packet: enough for stacked tags and tunnels, and a bound on hostile ones."""

_SPAN = 1 << 16
"""The distance between two bases in `layers`."""

_FEW = 1 << 10
"""Up to this many rows, finding the distinct numbers among them is cheap."""

_MARKS = (SENT, FAILED_CHECK)


class DecoderTable:
    """A lookup table from layer to decoder; `dispatch` tries the usual numbers first."""

    def __init__(self, decoders: Mapping[int, Decoder]) -> None:
        """Build the table from `decoders` by layer."""
        self._decoders = dict(decoders)
        self._numbers: dict[int, list[int]] = {}
        for layer in self._decoders:
            self._numbers.setdefault(layer // _SPAN * _SPAN, []).append(layer % _SPAN)
        # A live frame may begin with the header that its EtherType names: the kernel has then consumed the link header.
        # A frame of a file may have a mark in the place of its link type.
        begin = [layer for layer in self._decoders if layer < ETHERTYPE + _SPAN]
        self._numbers[LINK] = begin + [layer for layer in _MARKS if layer in self._decoders]
        self._alike = {base: self._first_alike(base) for base in self._numbers if base != LINK}

    def _first_alike(self, base: int) -> NDArray[np.uint16]:
        """Return for each number the first one with the same decoder, or itself."""
        alike = np.arange(_SPAN, dtype=np.uint16)
        first: dict[Decoder, int] = {}
        for number in self._numbers[base]:
            alike[number] = first.setdefault(self._decoders[base + number], number)
        return alike

    def layers(self) -> list[int]:
        """Return every layer that has a decoder."""
        return list(self._decoders)

    def get(self, layer: int) -> Decoder | None:
        """Return the decoder of `layer`, or `None`."""
        return self._decoders.get(layer)

    def numbers(self, base: int) -> list[int]:
        """Return the numbers n for which layer `base` + n has a decoder."""
        return self._numbers[base]

    def merged(self, base: int, numbers: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.unsignedinteger[Any]]:
        """Return `numbers` with one number for all that have the same decoder, so that it is called once for them."""
        alike = self._alike.get(base)
        return numbers if alike is None else alike[numbers]


class Decoding(Generic[Result]):
    """The queue of rows to decode, and the results: rows decoded, refused, sent, or to be looked into as tunnels."""

    def __init__(
        self,
        table: DecoderTable,
        tunnels: frozenset[str] = frozenset(),
        depth: int = MAX_DEPTH,
        *,
        listens: bool = True,
    ) -> None:
        """Start with an empty queue.

        `table` has the decoder of each layer, `tunnels` names the UDP tunnels to look into, and `depth` is the most
        headers to follow. Unless it `listens`, what only evidence needs is not read: `Batch.number` and `Batch.says`
        are 0.
        """
        self.listens = listens
        self._depth = depth
        self.table = table
        self.tunnels = tunnels
        self.decoded: list[Result] = []
        self.refused: list[tuple[str, Rows]] = []
        self.sent = 0
        self.unread: Counter[int] = Counter()
        """Of the refused rows, those whose next header has no decoder: their number by layer; without link types, which
        the reason for refusal names."""
        self.opened: Counter[str] = Counter()
        self.inside: list[tuple[int, Rows]] = []
        self._next: defaultdict[int, list[Rows]] = defaultdict(list)
        self._last: defaultdict[int, list[Rows]] = defaultdict(list)

    def run(self) -> None:
        """Decode until every row is decoded or refused."""
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
        """Return the number of rows in the queue."""
        return sum(len(rows) for several in self._next.values() for rows in several)

    def _decode(self, layer: int, rows: Rows) -> None:
        decoder = self.table.get(layer)
        if decoder is None:
            self.refuse_unread(rows, layer)
        else:
            decoder(self, rows)

    def next_header(self, rows: Rows, layer: int) -> None:
        """Queue `rows` for the decoder of `layer`; its header begins at each row's `at`."""
        if len(rows):
            (self._last if layer in TRANSPORT else self._next)[layer].append(rows)

    def dispatch(self, rows: Rows, base: int, numbers: NDArray[np.unsignedinteger[Any]]) -> None:
        """Queue each row for the decoder of layer `base` + its own number; refuse rows without one."""
        if len(rows) and (numbers == numbers[0]).all():
            self.next_header(rows, base + int(numbers[0]))
            return
        numbers = self.table.merged(base, numbers)
        rest, left = np.ones(len(rows), np.bool_), len(rows)
        for number in self._readable(base, numbers):
            chosen = numbers == number
            count = int(np.count_nonzero(chosen))
            if count:
                self.next_header(rows.keep(chosen), base + number)
                rest, left = rest ^ chosen, left - count
            if not left:
                return
        self.refuse_unread(rows.keep(rest), base + numbers[rest].astype(np.uint32))

    def _readable(self, base: int, numbers: NDArray[np.unsignedinteger[Any]]) -> list[int]:
        """Return the numbers to look for: all that `numbers` can have and the table knows, perhaps more."""
        known = self.table.numbers(base)
        if len(numbers) <= _FEW:
            return [number for number in np.unique(numbers).tolist() if number in known]
        # For many rows, marking each number costs less than sorting them.
        present = np.zeros(int(numbers.max()) + 1, np.bool_)
        present[numbers] = True
        return [number for number in known if number < len(present) and present[number]]

    def refuse_unread(self, rows: Rows, layers: NDArray[np.unsignedinteger[Any]] | int) -> None:
        """Refuse rows whose next header, of one layer or of one each, is not read, and count them by layer."""
        if not len(rows):
            return
        layers = np.broadcast_to(np.asarray(layers, np.uint32), len(rows))
        distinct, counts = np.unique(layers, return_counts=True)
        self.unread.update(
            {layer: n for layer, n in zip(distinct.tolist(), counts.tolist(), strict=True) if layer >= ETHERTYPE}
        )
        # One step for each reason rather than for each number.
        alike = np.where(layers < ETHERTYPE, np.minimum(layers, BEYOND), layers // ETHERTYPE * ETHERTYPE)
        for layer in np.unique(alike).tolist():
            self.refuse(rows.keep(alike == layer), unread(layer))

    def refuse(self, rows: Rows, reason: str) -> None:
        """Refuse `rows` for `reason`, one of `Refusal`; they go no further."""
        if len(rows):
            self.refused.append((reason, rows))

    def keep_received(self, rows: Rows, sent: NDArray[np.bool_]) -> Rows:
        """Return the rows that are not `sent`; count the others as sent by the capturing host: they go no further."""
        if not sent.any():
            return rows
        self.sent += int(np.count_nonzero(sent))
        return rows.keep(~sent)

    def open(self, rows: Rows, name: str) -> None:
        """Count `rows` as packets of the tunnel `name`."""
        if len(rows):
            self.opened[name] += len(rows)

    def look_inside(self, rows: Rows, layer: int, name: str) -> None:
        """Queue the payload of packets that are already decoded themselves, as packets of the tunnel `name`."""
        if len(rows):
            self.open(rows, name)
            self.inside.append((layer, rows))

    def keep_if(self, rows: Rows, good: NDArray[np.bool_], reason: str) -> Rows:
        """Return the rows that are `good`; refuse the others for `reason`."""
        if good.all():
            return rows
        self.refuse(rows.keep(~good), reason)
        return rows.keep(good)

    def check(self, rows: Rows, *conditions: tuple[NDArray[np.bool_], str]) -> NDArray[np.bool_]:
        """Return a mask of the rows that meet all conditions; refuse each other row for the first one that it fails."""
        good = np.ones(len(rows), np.bool_)
        for met, reason in conditions:
            if not met.all():
                self.refuse(rows.keep(good & ~met), reason)
                good &= met
        return good

    def require(self, rows: Rows, size: int | NDArray[Any], reason: str) -> Rows:
        """Return the rows of which at least `size` bytes were captured; refuse the others for `reason`."""
        return self.keep_if(rows, rows.end - rows.at >= size, reason)
