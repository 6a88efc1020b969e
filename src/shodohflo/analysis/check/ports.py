"""Which rule decides which ports: exact sets of (source port, destination port), as rectangles of port classes.

A built-in action has an opinion by the source port, by the destination port, or on every packet. What a sequence of
them leaves for the next rule is therefore always one rectangle: any of some source ports with any of some destination
ports. A set of ports is a bit mask over the classes of `PortClasses`.

Three rules between the same networks make three classes: port 53 is bit 4, port 443 is bit 2, all others are bit 1.

    0  PortMatch({53}, drop=True)    takes src=4, dst=7  and  src=3, dst=4;  leaves src=3, dst=3
    1  Assign(DST, SRC, {443})       takes src=2, dst=3;                     leaves src=1, dst=3
    2  LowerPort()                   takes src=1, dst=3, which is all that is left

The first rectangle of rule 0 is "from port 53 to any port". Rule 2 decides from any port but 53 and 443 to any port but
53, and its example is 40000 > 443.

`Observed` takes what its `otherwise` does, as all of this is about packets without evidence. Where there is evidence,
the first `Observed` rule decides all that is left when its turn comes. If rule 1 were Observed(PortMatch({443})), that
would be src=3, dst=3, the `Chart.evidence`, while rule 2 still decides what there is no evidence for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from shodohflo.rules.actions import Observed, is_built_in
from shodohflo.rules.mapping import Ends
from shodohflo.rules.table import PortClasses, port_set
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shodohflo.rules.mapping import FlowMapping

_ANY: Final = IPv4Address(1)
_OUTSIDE: Final = 0
"""A port that no set of an action can contain."""


@dataclass(frozen=True, slots=True)
class Takes:
    """The packets between its networks that a rule has an opinion on."""

    ports: int
    """The classes of the ports that its action names."""
    src: bool
    """Whether it takes packets whose source port is one of them."""
    dst: bool
    """Whether it takes packets whose destination port is one of them."""
    rest: bool
    """Whether it takes all other packets as well."""
    drops: bool
    is_own: bool = False
    """A custom action; what it takes is not known."""
    by_evidence: bool = False
    """`Observed`: if there is evidence, it takes everything; the rest is about packets without."""

    @classmethod
    def ask(cls, mapping: FlowMapping, number: int, classes: PortClasses) -> Takes:
        """Find out by asking rule `number` of `mapping` about one example of each case."""
        action = mapping.rules[number].action
        by_evidence = isinstance(action, Observed)
        if not is_built_in(action):
            return cls(0, src=False, dst=False, rest=False, drops=False, is_own=True, by_evidence=by_evidence)
        ports = port_set(action)
        inside = min(ports, default=_OUTSIDE)
        examples = ((inside, _OUTSIDE), (_OUTSIDE, inside), (_OUTSIDE, _OUTSIDE))
        decisions = [mapping.first_opinion((number,), Ends(_ANY, src, _ANY, dst)).decision for src, dst in examples]
        src, dst, rest = (decision != Decision.NO_RULE for decision in decisions)
        bits = 0
        for place in {int(classes.of_port[port]) for port in ports}:
            bits |= 1 << place
        drops = Decision.DROPPED in decisions
        return cls(bits, src=src, dst=dst, rest=rest, drops=drops, by_evidence=by_evidence)


@dataclass(frozen=True, slots=True)
class Block:
    """All packets from a source port of `src` to a destination port of `dst`."""

    src: int
    dst: int

    def __bool__(self) -> bool:
        """Return whether it contains any packet."""
        return self.src != 0 and self.dst != 0

    def __and__(self, other: Block) -> Block:
        """Return the packets in both."""
        return Block(self.src & other.src, self.dst & other.dst)

    @property
    def turned(self) -> Block:
        """The packets in the other direction."""
        return Block(self.dst, self.src)


@dataclass(frozen=True, slots=True)
class Share:
    """The packets that one rule decides, after the rules before it."""

    rule: int
    blocks: tuple[Block, ...]
    """Disjoint, and none of them empty."""
    is_sure: bool
    """False for the first custom action and every rule after it, since that action may take any of these packets."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Which rule decides between two networks, for all pairs of ports."""

    shares: tuple[Share, ...]
    """By rule, where there is no evidence."""
    evidence: Share | None
    """What the first `Observed` rule decides where there is evidence, in place of itself and all later rules."""

    @classmethod
    def draw(cls, rules: Iterable[int], takes: Sequence[Takes], classes: int) -> Chart:
        """Give each of `rules`, in order, what it takes of what is left; `classes` is the number of port classes."""
        drawing = _Drawing(_everything(classes))
        for rule in rules:
            if drawing.left:
                drawing.add(rule, takes[rule])
        return cls(tuple(drawing.shares), drawing.evidence)

    def of(self, rule: int) -> Share | None:
        """Return the share of `rule`, or None if nothing is left for it."""
        return next((share for share in self.shares if share.rule == rule), None)

    def takers(self, rule: int, takes: Sequence[Takes], classes: int) -> list[int]:
        """Return the rules before `rule` that are known to take packets it has an opinion on, or would by evidence."""
        wanted = _opinions(takes[rule], classes)
        before = [share for share in self.shares if share.rule < rule and not takes[share.rule].is_own]
        found = {share.rule for share in before if any(block & want for block in share.blocks for want in wanted)}
        if takes[rule].by_evidence:
            first = self.evidence.rule if self.evidence else rule
            found |= {share.rule for share in before if share.rule < first} | ({first} - {rule})
        return sorted(found)

    def recorded(self, takes: Sequence[Takes]) -> Iterator[Block]:
        """Yield the blocks that are recorded, with evidence or without; those of custom actions may be."""
        for share in self.shares:
            yield from share.blocks if not takes[share.rule].drops else ()
        if self.evidence:
            yield from self.evidence.blocks


def claimed(takes: Takes, classes: int) -> tuple[Block, ...]:
    """Return what a rule would decide if it were the only one; for a custom action and `Observed`, everything."""
    return (_everything(classes),) if takes.by_evidence else _opinions(takes, classes)


def _opinions(takes: Takes, classes: int) -> tuple[Block, ...]:
    """Return what a rule has an opinion on without evidence; for a custom action, everything."""
    return (_everything(classes),) if takes.is_own else _carve(takes, _everything(classes))[0]


def _everything(classes: int) -> Block:
    return Block((1 << classes) - 1, (1 << classes) - 1)


@dataclass(slots=True)
class _Drawing:
    """A chart to which rules are added in order."""

    left: Block
    """What no rule has taken yet."""
    is_sure: bool = True
    shares: list[Share] = field(default_factory=list)
    evidence: Share | None = None

    def add(self, rule: int, takes: Takes) -> None:
        """Give `rule` what it takes of what is left."""
        if takes.by_evidence and self.evidence is None:
            self.evidence = Share(rule, (self.left,), self.is_sure)
        if takes.is_own:
            self.is_sure = False
            self.shares.append(Share(rule, (self.left,), self.is_sure))
            return
        blocks, self.left = _carve(takes, self.left)
        if blocks:
            self.shares.append(Share(rule, blocks, self.is_sure))


def _carve(takes: Takes, left: Block) -> tuple[tuple[Block, ...], Block]:
    """Return the blocks that a rule takes of `left`, and what it leaves."""
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
"""Ports that readers recognise as a client's or a service's."""


def example(classes: PortClasses, block: Block) -> tuple[int, int]:
    """Return a source and a destination port of a block that is not empty; a client's and a service's if possible."""
    src = _pick(classes, block.src, (*_CLIENTS, *_SERVICES))
    other_end = (*_SERVICES, *_CLIENTS) if src in _CLIENTS else (*_CLIENTS, *_SERVICES)
    return src, _pick(classes, block.dst, other_end)


def _pick(classes: PortClasses, ports: int, telling: Iterable[int]) -> int:
    for port in telling:
        if ports >> int(classes.of_port[port]) & 1:
            return port
    return classes.lowest[(ports & -ports).bit_length() - 1]
