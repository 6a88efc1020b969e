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


@dataclass(frozen=True, slots=True)
class Keyed:
    """Rows of packets of either direction, each with the key of its flow in a `Memory`."""

    rows: Batch
    keys: NDArray[np.uint64]
    side: NDArray[np.uint8]
    """The side of each row's source, 0 or 1."""
    is_inside: bool = False
    """Whether they were in UDP tunnels, so that they are not those of this host's sockets."""

    @classmethod
    def of(cls, rows: Batch, *, is_inside: bool = False) -> Keyed:
        """Find the flows of `rows`."""
        source = _end_words(rows.family, rows.src_addr, rows.protocol, rows.src_port)
        destination = _end_words(rows.family, rows.dst_addr, rows.protocol, rows.dst_port)
        if len(source) == 1:
            swapped = source[0] > destination[0]
        else:
            same = rows.src_addr == rows.dst_addr
            swapped = (rows.src_addr > rows.dst_addr) | (same & (rows.src_port > rows.dst_port))
        lower = [np.where(swapped, there, here) for here, there in zip(source, destination, strict=True)]
        upper = [np.where(swapped, here, there) for here, there in zip(source, destination, strict=True)]
        return cls(rows, hashed([*lower, *upper]), swapped.view(np.uint8), is_inside)

    def __getitem__(self, rows: NDArray[np.intp]) -> Keyed:
        """Return some rows, by their numbers."""
        return Keyed(self.rows[rows], self.keys[rows], self.side[rows], self.is_inside)


@dataclass(frozen=True)
class Conversations:
    """The flows of a batch: for each row its flow and the side of its source, and for each flow an example."""

    rows: Batch
    keys: NDArray[np.uint64]
    """The key of each flow in a `Memory`."""
    flow: NDArray[np.int32]
    """The flow of each row, numbered from 0."""
    side: NDArray[np.uint8]
    """The side of each row's source, 0 or 1."""
    example: NDArray[np.int32]
    """A row of each flow."""
    is_inside: bool = False
    """As in `Keyed`."""

    @classmethod
    def of(cls, keyed: Keyed) -> Conversations:
        """Arrange rows by flows."""
        groups = group_by([keyed.keys])
        keys = keyed.keys[groups.leaders]
        return cls(keyed.rows, keys, groups.group, keyed.side, groups.leaders, keyed.is_inside)

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

    @cached_property
    def addresses(self) -> NDArray[Any]:
        """The addresses by side and flow, as columns of a batch."""
        rows, swapped = self.ends
        return np.stack([np.where(swapped != side, rows.dst_addr, rows.src_addr) for side in (False, True)])

    @cached_property
    def ports(self) -> NDArray[np.uint16]:
        """The ports by side and flow."""
        rows, swapped = self.ends
        return np.stack([np.where(swapped != side, rows.dst_port, rows.src_port) for side in (False, True)])

    @cached_property
    def end_keys(self) -> NDArray[np.uint64]:
        """The keys of the ends, by side and flow."""
        protocol = np.tile(self.ends[0].protocol, 2)
        return end_keys(self.rows.family, self.addresses.ravel(), protocol, self.ports.ravel()).reshape(2, -1)

    @cached_property
    def address_keys(self) -> NDArray[np.uint64]:
        """The keys of the addresses, by side and flow."""
        words = _address_words(self.addresses.ravel())
        return hashed([*words, np.full(2 * len(self), self.rows.family, np.uint64)]).reshape(2, -1)

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
    return hashed(_end_words(family, addresses, protocol, ports))


def _least(times: NDArray[np.int64], flow: NDArray[np.int32], rows: NDArray[np.bool_], flows: int) -> NDArray[np.int64]:
    least = np.full(flows, np.iinfo(np.int64).max, np.int64)
    np.minimum.at(least, flow[rows], times[rows])
    return least


def _end_words(
    family: Family, addresses: NDArray[Any], protocol: NDArray[np.uint8], ports: NDArray[np.uint16]
) -> Words:
    """Return ends as words: one for IPv4, whose order is that of (address, port), three for IPv6."""
    words = _address_words(addresses)
    kind = protocol.astype(np.uint64) << np.uint64(8) | np.uint64(family)
    if len(words) == 1:
        return [(kind << np.uint64(32) | words[0]) << np.uint64(16) | ports]
    return [*words, kind << np.uint64(16) | ports]


def _address_words(addresses: NDArray[Any]) -> Words:
    if addresses.dtype.kind == "S":
        return list(np.ascontiguousarray(addresses).view(np.uint64).reshape(-1, 2).T)
    return [addresses.astype(np.uint64)]
