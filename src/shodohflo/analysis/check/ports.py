"""Who takes which ports: exact sets of (source port, destination port), as rectangles of classes of ports.

Our own actions have an opinion by the source port, by the destination port, or on everything, so what a row of them
leaves over for the next is always all pairs from one set of source ports and one of destination ports. Sets of ports
are numbers with a bit for each class of `PortClasses`.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from shodohflo.rules.actions import is_built_in
from shodohflo.rules.mapping import Ends
from shodohflo.rules.table import PortClasses, port_set
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shodohflo.rules.mapping import FlowMapping

_ANY: Final = IPv4Address(1)
_OUTSIDE: Final = 0
"""A port that no set can hold."""


@dataclass(frozen=True, slots=True)
class Takes:
    """Which packets between its networks a rule has an opinion on."""

    ports: int
    """The ports that its action tells from the others, as classes."""
    src: bool
    """It takes packets whose source port is one of them,"""
    dst: bool
    """whose destination port is one of them,"""
    rest: bool
    """and all others as well."""
    drops: bool
    is_own: bool = False
    """An operator's own action; what it takes is not known."""

    @classmethod
    def ask(cls, mapping: FlowMapping, number: int, classes: PortClasses) -> Takes:
        """Ask one rule of `mapping`, with an example of each case."""
        action = mapping.rules[number].action
        if not is_built_in(action):
            return cls(0, src=False, dst=False, rest=False, drops=False, is_own=True)
        ports = port_set(action)
        inside = min(ports, default=_OUTSIDE)
        examples = ((inside, _OUTSIDE), (_OUTSIDE, inside), (_OUTSIDE, _OUTSIDE))
        said = [mapping.first_opinion((number,), Ends(_ANY, src, _ANY, dst)).decision for src, dst in examples]
        src, dst, rest = (decision != Decision.NO_RULE for decision in said)
        bits = 0
        for place in {int(classes.of_port[port]) for port in ports}:
            bits |= 1 << place
        return cls(bits, src=src, dst=dst, rest=rest, drops=Decision.DROPPED in said)


@dataclass(frozen=True, slots=True)
class Block:
    """All packets from a source port of `src` to a destination port of `dst`."""

    src: int
    dst: int

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return self.src != 0 and self.dst != 0

    def __and__(self, other: Block) -> Block:
        """Return what is in both."""
        return Block(self.src & other.src, self.dst & other.dst)

    @property
    def turned(self) -> Block:
        """The same packets the other way round."""
        return Block(self.dst, self.src)


@dataclass(frozen=True, slots=True)
class Share:
    """What one rule is left to decide, where it is reached."""

    rule: int
    blocks: tuple[Block, ...]
    """They don't overlap."""
    is_sure: bool
    """False at and after the first operator's own action, which may take any of it."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Which rule decides, of those between two networks, for all ports there are."""

    shares: tuple[Share, ...]

    @classmethod
    def draw(cls, rules: Iterable[int], takes: Sequence[Takes], classes: int) -> Chart:
        """Let each of `rules` in order take what it has an opinion on."""
        return cls(tuple(_shares(rules, takes, (1 << classes) - 1)))

    def of(self, rule: int) -> Share | None:
        """Return the share of `rule`, if there is any left for it."""
        return next((share for share in self.shares if share.rule == rule), None)

    def takers(self, rule: int, takes: Sequence[Takes], classes: int) -> list[int]:
        """Return the rules before `rule` that take packets it has an opinion on, for all we know."""
        wanted = claimed(takes[rule], classes)
        return [
            share.rule
            for share in self.shares
            if share.rule < rule
            and not takes[share.rule].is_own
            and any(block & want for block in share.blocks for want in wanted)
        ]


def claimed(takes: Takes, classes: int) -> tuple[Block, ...]:
    """Return what a rule would decide if it were the only one; of an operator's own nothing is known but its limits."""
    everything = (1 << classes) - 1
    left = Block(everything, everything)
    return (left,) if takes.is_own else _carve(takes, left)[0]


def _shares(rules: Iterable[int], takes: Sequence[Takes], everything: int) -> Iterator[Share]:
    left, is_sure = Block(everything, everything), True
    for rule in rules:
        if not left:
            return
        if takes[rule].is_own:
            is_sure = False
            yield Share(rule, (left,), is_sure)
            continue
        blocks, left = _carve(takes[rule], left)
        if blocks:
            yield Share(rule, blocks, is_sure)


def _carve(takes: Takes, left: Block) -> tuple[tuple[Block, ...], Block]:
    """Return what a rule takes of `left`, and what it leaves."""
    if takes.rest:
        return (left,), Block(0, 0)
    blocks = []
    if takes.src:
        blocks.append(Block(left.src & takes.ports, left.dst))
        left = Block(left.src & ~takes.ports, left.dst)
    if takes.dst:
        blocks.append(Block(left.src, left.dst & takes.ports))
        left = Block(left.src, left.dst & ~takes.ports)
    return tuple(block for block in blocks if block), left


_CLIENTS: Final = (40000, 50000)
_SERVICES: Final = (443, 22, 53)
"""Ports that say something to whoever reads them."""


def example(classes: PortClasses, block: Block) -> tuple[int, int]:
    """Return a source and a destination port of a block that is not empty, a client's and a service's if it may be."""
    src = _pick(classes, block.src, (*_CLIENTS, *_SERVICES))
    other_end = (*_SERVICES, *_CLIENTS) if src in _CLIENTS else (*_CLIENTS, *_SERVICES)
    return src, _pick(classes, block.dst, other_end)


def _pick(classes: PortClasses, ports: int, telling: Iterable[int]) -> int:
    for port in telling:
        if ports >> int(classes.of_port[port]) & 1:
            return port
    return classes.lowest[(ports & -ports).bit_length() - 1]
