"""Tables: every answer that a list of rules can give, worked out once by asking the readable rules.

What our own actions say of a packet depends only on which of their port sets hold its two ports, and on how the
ports compare. Ports in the same sets share a class; one question for each (source class, destination class,
comparison), asked with ports that are an example of it, answers for all packets like that.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.rules.actions import Assign, PortMatch, is_built_in
from shodohflo.rules.mapping import FlowMapping, Packet, Verdict
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

PORTS: Final = 65_536

MOST_QUESTIONS: Final = 1 << 20
"""A table is made in the middle of live traffic; so many questions take a few tenths of a second."""

ASK: Final = 255
"""Stands in place of a `Decision` where the rules themselves have to be asked."""

_SRC, _DST = IPv4Address(1), IPv4Address(2)
"""Two addresses that differ; which ones is all the same to our own actions."""


def port_set(action: object) -> frozenset[int]:
    """Return the ports that one of our own actions tells from all others."""
    return (action.ports or frozenset()) if isinstance(action, PortMatch | Assign) else frozenset()


@dataclass(frozen=True, slots=True)
class PortClasses:
    """Ports in classes, so that no set of any rule holds one port of a class without the others."""

    of_port: NDArray[np.uint16]
    """The class of each port."""
    sets: tuple[frozenset[frozenset[int]], ...]
    """For each class, the sets that hold its ports."""
    lowest: tuple[int, ...]
    highest: tuple[int, ...]
    """For each class, its first and its last port."""

    @classmethod
    def compile(cls, port_sets: Iterable[frozenset[int]]) -> PortClasses:
        """Find the classes that `port_sets` make."""
        sets_of_port: defaultdict[int, set[frozenset[int]]] = defaultdict(set)
        for ports in frozenset(port_sets):
            for port in ports:
                sets_of_port[port].add(ports)
        # Port 0 is in no set, so the class of the ports in none comes first and is never empty.
        classes: dict[frozenset[frozenset[int]], int] = {frozenset(): 0}
        of_port = np.zeros(PORTS, np.uint16)
        for port, sets in sets_of_port.items():
            of_port[port] = classes.setdefault(frozenset(sets), len(classes))
        _, lowest = np.unique(of_port, return_index=True)
        _, from_the_end = np.unique(of_port[::-1], return_index=True)
        return cls(of_port, tuple(classes), tuple(lowest.tolist()), tuple((PORTS - 1 - from_the_end).tolist()))

    def __len__(self) -> int:
        """Count the classes."""
        return len(self.sets)


@dataclass(frozen=True, slots=True)
class Reach:
    """The rules that packets from one network to another can come to."""

    rules: tuple[int, ...]
    """All of them, in order."""
    tabled: tuple[int, ...]
    """Those before the first operator's own action: what they say can be worked out beforehand."""

    @classmethod
    def find(cls, mapping: FlowMapping, src_network: int, dst_network: int) -> Reach:
        """Find the rules between two networks, given by their ids."""
        rules = mapping.reaching(src_network, dst_network)
        own = next((place for place, n in enumerate(rules) if not is_built_in(mapping.rules[n].action)), len(rules))
        return cls(rules, rules[:own])


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination, with a pair of ports that is an example of it."""

    index: int
    """Its place in its table."""
    src_port: int
    dst_port: int
    verdict: Verdict | None
    """What the rules say; None where an operator's own action has to be asked."""

    def encode(self) -> int:
        """Pack the verdict: decision in bits 0-7, bit 8 for the destination's port, the rule in bits 16-31."""
        if self.verdict is None:
            return ASK
        takes_dst_port = self.verdict.port == self.dst_port
        return self.verdict.decision | takes_dst_port << 8 | (self.verdict.rule or 0) << 16


@dataclass(frozen=True, slots=True)
class Table:
    """The verdict on classes s and d, comparing as c (0 less, 1 equal, 2 greater), is in cell s + d + c.

    s comes from `src_steps`, d from `dst_steps`, by class of port.
    """

    src_steps: NDArray[np.int32]
    dst_steps: NDArray[np.int32]
    cells: NDArray[np.uint32]

    @classmethod
    def constant(cls, classes: int, content: int) -> Table:
        """Make a table that says the same of all ports."""
        steps = np.zeros(classes, np.int32)
        return cls(steps, steps, np.full(3, content, np.uint32))

    @classmethod
    def compile(cls, mapping: FlowMapping, reach: Reach, classes: PortClasses) -> Table | None:
        """Ask the rules for every cell; None if that were too many questions."""
        local = _local_classes(mapping, reach, classes)
        width = max(local) + 1
        if width * width * len(reach.tabled) > MOST_QUESTIONS:
            return None
        cells = np.zeros(width * width * 3, np.uint32)
        for cell in combinations(mapping, reach, classes):
            cells[cell.index] = cell.encode()
        steps = np.array(local, np.int32)
        return cls(steps * (3 * width), steps * 3, cells)

    @property
    def size(self) -> int:
        """Count the elements of the arrays; each has four bytes."""
        return 2 * len(self.src_steps) + len(self.cells)


def combinations(mapping: FlowMapping, reach: Reach, classes: PortClasses) -> Iterator[Cell]:
    """Go through all combinations that a packet can have, each with what the rules say of it."""
    local = _local_classes(mapping, reach, classes)
    width = max(local) + 1
    ranges = [(PORTS, -1)] * width
    for number, lowest, highest in zip(local, classes.lowest, classes.highest, strict=True):
        ranges[number] = (min(ranges[number][0], lowest), max(ranges[number][1], highest))
    may_ask = reach.tabled != reach.rules
    for src, src_range in enumerate(ranges):
        for dst, dst_range in enumerate(ranges):
            for comparison, src_port, dst_port in _examples(src_range, dst_range):
                verdict = mapping.first_opinion(reach.tabled, Packet(_SRC, src_port, _DST, dst_port))
                unknown = may_ask and verdict.decision == Decision.NO_RULE
                index = (src * width + dst) * 3 + comparison
                yield Cell(index, src_port, dst_port, None if unknown else verdict)


def _local_classes(mapping: FlowMapping, reach: Reach, classes: PortClasses) -> list[int]:
    """Merge the classes that only rules outside `reach` tell apart; return the merged class of each."""
    told_apart = {port_set(mapping.rules[number].action) for number in reach.tabled}
    merged: dict[frozenset[frozenset[int]], int] = {}
    return [merged.setdefault(sets & told_apart, len(merged)) for sets in classes.sets]


def _examples(src: tuple[int, int], dst: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
    """Return (comparison, source port, destination port) for each way in which ports of two classes can compare.

    Classes do not overlap, so ports can only be equal within one class, and only one class has its lowest port.
    """
    if src[0] < dst[1]:
        yield 0, src[0], dst[1]
    if src[0] == dst[0]:
        yield 1, src[0], dst[0]
    if src[1] > dst[0]:
        yield 2, src[1], dst[0]
