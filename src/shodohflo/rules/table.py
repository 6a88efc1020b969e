"""Lookup tables: every verdict that a list of rules can give, found once by asking the readable rules.

The verdict of a built-in action depends only on which of its port sets contain the two ports, and on how the ports
compare. Ports in the same sets form a class. So one question for each (source class, destination class, comparison),
asked with a pair of ports that is an example of it, settles the verdict of all packets of that kind.

A worked example, `FlowMapping((None, None, PortMatch({22})), (None, None, LowerPort()))`:

    classes       0: all ports but 22       1: port 22
    (0, 0) less   example ports 0, 65535    LowerPort: the source is the service
    (0, 0) equal  example ports 0, 0        LowerPort: the source, by its precedence
    (0, 1) less   example ports 0, 22       PortMatch: the destination is the service
    (1, 1) equal  example ports 22, 22      PortMatch: the source, by its precedence
    (1, 1) less   does not occur: a class of one port has no two that differ

Two classes make 2 x 2 x 3 = 12 cells, of which 8 can occur. A packet 40000 > 22 has the classes (0, 1) and compares as
greater (2), so its verdict is in cell (0 * 2 + 1) * 3 + 2 = 5.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.rules.actions import Assign, Observed, PortMatch, is_built_in
from shodohflo.rules.mapping import Ends, FlowMapping, Verdict
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

PORTS: Final = 65_536

MOST_QUESTIONS: Final = 1 << 20
"""Tables are compiled while packets arrive; this many questions take a few tenths of a second."""

ASK: Final = 255
"""Takes the place of a `Decision` where the readable rules must be asked for each packet."""

_SRC, _DST = IPv4Address(1), IPv4Address(2)
"""Two different addresses; built-in actions do not depend on which."""


def port_set(action: object) -> frozenset[int]:
    """Return the ports that a built-in action distinguishes from all other ports."""
    if isinstance(action, Observed):
        return port_set(action.otherwise)
    return (action.ports or frozenset()) if isinstance(action, PortMatch | Assign) else frozenset()


@dataclass(frozen=True, slots=True)
class PortClasses:
    """A partition of the ports: each port set of each rule contains all ports of a class or none."""

    of_port: NDArray[np.uint16]
    """The class of each port."""
    sets: tuple[frozenset[frozenset[int]], ...]
    """For each class, the port sets that contain it."""
    lowest: tuple[int, ...]
    highest: tuple[int, ...]
    """For each class, its lowest and its highest port."""

    @classmethod
    def compile(cls, port_sets: Iterable[frozenset[int]]) -> PortClasses:
        """Return the coarsest partition that respects `port_sets`."""
        sets_of_port: defaultdict[int, set[frozenset[int]]] = defaultdict(set)
        for ports in frozenset(port_sets):
            for port in ports:
                sets_of_port[port].add(ports)
        # Port 0 is in no set, so class 0, the ports in no set, is never empty.
        classes: dict[frozenset[frozenset[int]], int] = {frozenset(): 0}
        of_port = np.zeros(PORTS, np.uint16)
        for port, sets in sets_of_port.items():
            of_port[port] = classes.setdefault(frozenset(sets), len(classes))
        _, lowest = np.unique(of_port, return_index=True)
        _, from_the_end = np.unique(of_port[::-1], return_index=True)
        return cls(of_port, tuple(classes), tuple(lowest.tolist()), tuple((PORTS - 1 - from_the_end).tolist()))

    def __len__(self) -> int:
        """Return the number of classes."""
        return len(self.sets)


@dataclass(frozen=True, slots=True)
class ReachableRules:
    """The rules that apply to packets from one network to another."""

    rules: tuple[int, ...]
    """All of them, in order."""
    tabled: tuple[int, ...]
    """The rules before the first custom action; their verdicts can be tabulated."""
    observed: int | None
    """The first of all that is an `Observed` rule."""

    @classmethod
    def find(cls, mapping: FlowMapping, src_network: int, dst_network: int) -> ReachableRules:
        """Return the rules between two networks, given by their ids."""
        rules = mapping.reaching(src_network, dst_network)
        actions = [mapping.rules[number].action for number in rules]
        own = next((place for place, action in enumerate(actions) if not is_built_in(action)), len(rules))
        observed = next((n for n, action in zip(rules, actions, strict=True) if isinstance(action, Observed)), None)
        return cls(rules, rules[:own], observed)


@dataclass(frozen=True, slots=True)
class Case:
    """One (source class, destination class, comparison), with a pair of ports as an example."""

    index: int
    """The number of its cell in the table."""
    src_port: int
    dst_port: int
    verdict: Verdict | None
    """The verdict of the rules; None where a custom action must be asked."""

    def encode(self) -> int:
        """Pack the verdict: decision in bits 0-7, bit 8 for the destination's port, the rule in bits 16-31."""
        if self.verdict is None:
            return ASK
        takes_dst_port = self.verdict.port == self.dst_port
        return self.verdict.decision | takes_dst_port << 8 | (self.verdict.rule or 0) << 16


@dataclass(frozen=True, slots=True)
class LookupTable:
    """The verdicts between two networks: `cells[src_steps[s] + dst_steps[d] + c]`.

    s and d are the classes of the two ports, c is their comparison: 0 less, 1 equal, 2 greater.
    """

    src_steps: NDArray[np.int32]
    dst_steps: NDArray[np.int32]
    cells: NDArray[np.uint32]

    @classmethod
    def constant(cls, classes: int, content: int) -> LookupTable:
        """Return a table with the same content for all ports."""
        steps = np.zeros(classes, np.int32)
        return cls(steps, steps, np.full(3, content, np.uint32))

    @classmethod
    def compile(cls, mapping: FlowMapping, reachable: ReachableRules, classes: PortClasses) -> LookupTable | None:
        """Return the table of the verdicts of `reachable`; None if it would take more than `MOST_QUESTIONS`."""
        merged = _merged_classes(mapping, reachable, classes)
        width = max(merged) + 1
        if width * width * len(reachable.tabled) > MOST_QUESTIONS:
            return None
        cells = np.zeros(width * width * 3, np.uint32)
        for case in combinations(mapping, reachable, classes):
            cells[case.index] = case.encode()
        steps = np.array(merged, np.int32)
        return cls(steps * (3 * width), steps * 3, cells)

    @property
    def size(self) -> int:
        """The number of array elements; each takes four bytes."""
        return 2 * len(self.src_steps) + len(self.cells)


def compared(src_port: NDArray[np.uint16], dst_port: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return how the ports of each row compare: 0 less, 1 equal, 2 greater."""
    comparison: NDArray[np.uint8] = (src_port >= dst_port).view(np.uint8) + (src_port > dst_port)
    return comparison


def combinations(mapping: FlowMapping, reachable: ReachableRules, classes: PortClasses) -> Iterator[Case]:
    """Yield every combination that a packet can have, with the verdict of the rules."""
    merged = _merged_classes(mapping, reachable, classes)
    width = max(merged) + 1
    ranges = [(PORTS, -1)] * width
    for number, lowest, highest in zip(merged, classes.lowest, classes.highest, strict=True):
        ranges[number] = (min(ranges[number][0], lowest), max(ranges[number][1], highest))
    may_ask = reachable.tabled != reachable.rules
    for src, src_range in enumerate(ranges):
        for dst, dst_range in enumerate(ranges):
            for comparison, src_port, dst_port in _examples(src_range, dst_range):
                verdict = mapping.first_opinion(reachable.tabled, Ends(_SRC, src_port, _DST, dst_port))
                unknown = may_ask and verdict.decision == Decision.NO_RULE
                index = (src * width + dst) * 3 + comparison
                yield Case(index, src_port, dst_port, None if unknown else verdict)


def _merged_classes(mapping: FlowMapping, reachable: ReachableRules, classes: PortClasses) -> list[int]:
    """Merge the classes that no rule in `reachable` distinguishes; return the merged class of each."""
    port_sets = {port_set(mapping.rules[number].action) for number in reachable.tabled}
    merged: dict[frozenset[frozenset[int]], int] = {}
    return [merged.setdefault(sets & port_sets, len(merged)) for sets in classes.sets]


def _examples(src: tuple[int, int], dst: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
    """Yield (comparison, source port, destination port) for each way in which ports of two classes can compare.

    Classes are disjoint: ports can be equal only within one class, and then both classes have the same lowest port.
    """
    if src[0] < dst[1]:
        yield 0, src[0], dst[1]
    if src[0] == dst[0]:
        yield 1, src[0], dst[0]
    if src[1] > dst[0]:
        yield 2, src[1], dst[0]
