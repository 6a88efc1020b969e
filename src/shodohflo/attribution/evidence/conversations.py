"""Conversations: the flows of one batch, whose rows are packets of either direction.

An end is (address, protocol, port), a flow a pair of ends in any order. Side 0 is the lesser end by (address, port), so
that a flow is the same whichever end sends. Three rows, for example, are two flows:

    row   source         destination    flow   side of the source
    0     10.0.0.9:443   10.0.0.5:400   0      1
    1     10.0.0.5:400   10.0.0.9:443   0      0
    2     10.0.0.5:401   10.0.0.9:443   1      0
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.batch import FIN, RST, SYN
from shodohflo.columns.grouping import group_by
from shodohflo.columns.memory import hashed
from shodohflo.model import TCP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Batch, Family

    Words = list[NDArray[np.uint64]]

NEVER: Final = np.iinfo(np.int64).min
"""The time of what did not happen."""


@dataclass(frozen=True)
class Conversations:
    """The flows of a batch: for each row its flow and the side of its source, and for each flow an example."""

    rows: Batch
    flow: NDArray[np.int32]
    """The flow of each row, numbered from 0."""
    side: NDArray[np.uint8]
    """The side of each row's source, 0 or 1."""
    example: NDArray[np.int32]
    """A row of each flow."""

    @classmethod
    def of(cls, rows: Batch) -> Conversations:
        """Arrange `rows`, packets or merged packets, by flows."""
        same = rows.src_addr == rows.dst_addr
        swapped = (rows.src_addr > rows.dst_addr) | (same & (rows.src_port > rows.dst_port))
        if not len(rows):
            return cls(rows, np.empty(0, np.int32), swapped.view(np.uint8), np.empty(0, np.int32))
        source = _end_words(rows.src_addr, rows.src_port)
        destination = _end_words(rows.dst_addr, rows.dst_port)
        lower = [np.where(swapped, there, here) for here, there in zip(source, destination, strict=True)]
        upper = [np.where(swapped, here, there) for here, there in zip(source, destination, strict=True)]
        groups = group_by([*lower, *upper, rows.protocol.astype(np.uint64)])
        return cls(rows, groups.group, swapped.view(np.uint8), groups.leaders)

    def __len__(self) -> int:
        """Count the flows."""
        return len(self.example)

    @cached_property
    def ends(self) -> tuple[Batch, NDArray[np.bool_]]:
        """A row of each flow, and whether its source is side 1."""
        return self.rows[self.example], self.side[self.example].astype(np.bool_)

    @cached_property
    def is_tcp(self) -> NDArray[np.bool_]:
        """Which flows are TCP; all others are UDP."""
        tcp: NDArray[np.bool_] = self.ends[0].protocol == TCP
        return tcp

    def address(self, side: int) -> NDArray[Any]:
        """Return the address of a side of each flow, as a column of a batch."""
        rows, swapped = self.ends
        return np.where(swapped != bool(side), rows.dst_addr, rows.src_addr)

    def port(self, side: int) -> NDArray[np.uint16]:
        """Return the port of a side of each flow."""
        rows, swapped = self.ends
        return np.where(swapped != bool(side), rows.dst_port, rows.src_port)

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        """The key of each flow in a `Memory`."""
        return hashed([*self._words[0], *self._words[1], self._kind])

    @cached_property
    def end_keys(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The keys of the ends of each flow, by side."""
        return hashed([*self._words[0], self._kind]), hashed([*self._words[1], self._kind])

    @cached_property
    def address_keys(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The keys of the addresses of each flow, by side."""
        return tuple(hashed([*_address_words(self.address(side)), self._family]) for side in (0, 1))  # type: ignore[return-value]

    def pair_keys(self, side: int, which: NDArray[Any]) -> NDArray[np.uint64]:
        """Return the keys of (the end of `side`, the address of the other side) of the flows `which`."""
        return hashed([self.end_keys[side][which], self.address_keys[1 - side][which]])

    @cached_property
    def _words(self) -> tuple[Words, Words]:
        return _end_words(self.address(0), self.port(0)), _end_words(self.address(1), self.port(1))

    @cached_property
    def _kind(self) -> NDArray[np.uint64]:
        return _kinds(self.rows.family, self.ends[0].protocol)

    @cached_property
    def _family(self) -> NDArray[np.uint64]:
        return np.full(len(self), self.rows.family, np.uint64)

    # What the rows of each flow are.

    @cached_property
    def payload(self) -> NDArray[np.bool_]:
        """Which rows are payload: TCP without SYN, FIN and RST, or UDP."""
        payload: NDArray[np.bool_] = self.rows.tcp_flags & np.uint8(SYN | FIN | RST) == 0
        return payload

    @cached_property
    def spoke(self) -> NDArray[np.uint8]:
        """Which sides of each flow sent payload: bit 0 for side 0, bit 1 for side 1."""
        spoke = np.zeros(len(self), np.uint8)
        for side in (0, 1):
            spoke[self.flow[self.payload & (self.side == side)]] |= np.uint8(1 << side)
        return spoke

    @cached_property
    def begin(self) -> NDArray[np.int64]:
        """When the first packet of each flow was received, in ns since 1970."""
        return _least(self.rows.first, self.flow, np.ones(len(self.rows), np.bool_), len(self))

    @cached_property
    def first_payload(self) -> NDArray[np.int64]:
        """When the first payload of each flow was received, in ns since 1970; undefined where there was none."""
        return _least(self.rows.first, self.flow, self.payload, len(self))

    def first_payload_of(self, side: int) -> NDArray[np.int64]:
        """Return when a side of each flow sent its first payload; undefined where it sent none."""
        return _least(self.rows.first, self.flow, self.payload & (self.side == side), len(self))

    @cached_property
    def last_payload(self) -> NDArray[np.int64]:
        """When the last payload of each flow was received; `NEVER` where there was none."""
        last = np.full(len(self), NEVER, np.int64)
        np.maximum.at(last, self.flow[self.payload], self.rows.last[self.payload])
        return last


def end_keys(
    family: Family, addresses: NDArray[Any], protocol: NDArray[np.uint8], ports: NDArray[np.uint16]
) -> NDArray[np.uint64]:
    """Return the keys of ends in a `Memory`; `addresses` is a column of a batch."""
    return hashed([*_end_words(addresses, ports), _kinds(family, protocol)])


def _kinds(family: Family, protocol: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return protocol.astype(np.uint64) << np.uint64(8) | np.uint64(family)


def _least(times: NDArray[np.int64], flow: NDArray[np.int32], rows: NDArray[np.bool_], flows: int) -> NDArray[np.int64]:
    least = np.full(flows, np.iinfo(np.int64).max, np.int64)
    np.minimum.at(least, flow[rows], times[rows])
    return least


def _end_words(addresses: NDArray[Any], ports: NDArray[np.uint16]) -> Words:
    """Return address and port as words: one for IPv4, three for IPv6."""
    words = _address_words(addresses)
    port = ports.astype(np.uint64)
    return [words[0] << np.uint64(16) | port] if len(words) == 1 else [*words, port]


def _address_words(addresses: NDArray[Any]) -> Words:
    if addresses.dtype.kind == "S":
        return list(np.ascontiguousarray(addresses).view(np.uint64).reshape(-1, 2).T)
    return [addresses.astype(np.uint64)]
