"""Rules that drop more than was meant (SPOOFABLE-DROP), or only one direction of it (ONE-WAY-DROP).

Given ("world", "lan", Assign(DST, SRC, {53}, drop=True)) before (None, None, LowerPort()), and 10.0.0.0/8 as lan and
ours: all packets to lan that an outsider sends from source port 53 are dropped.

    198.51.100.9:53 > 10.0.0.2:443       dropped by rule 0; from port 40000 rule 1 would record it: SPOOFABLE-DROP
    198.51.100.9:53 > 10.0.0.2:40000     dropped by rule 0
    10.0.0.2:40000 > 198.51.100.9:53     the answer, recorded by rule 1: ONE-WAY-DROP

Both are found by intersecting the blocks of `ports.Chart`: what rule 0 takes by its source port, with what another rule
takes between the same networks (spoofable), or takes in the other direction (one-way). A rule that drops behind
`Observed` does so only where there is no evidence, so evidence that would have the other packet recorded counts only
against drops before it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from shodohflo.analysis.check.ports import Block, example
from shodohflo.analysis.check.sampling import MOST, likely_packets
from shodohflo.analysis.check.words import listed
from shodohflo.config.findings import Code, Finding
from shodohflo.model import rule_place
from shodohflo.rules.packet import Packet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shodohflo.analysis.check.model import Model, Pair


_OTHER_PORTS: Final = (40000, 50001)
"""Source ports that no service uses."""


def find_spoofable(model: Model) -> Iterator[Finding]:
    """Yield a finding for each rule that lets outsiders hide their packets by choosing a source port."""
    for rule, takes in enumerate(model.takes):
        if takes.is_own or (takes.drops and takes.src and not takes.rest):
            yield from islice(chain(_spoofable(model, rule), _spoofable_when_tried(model, rule)), 1)


def _spoofable(model: Model, rule: int) -> Iterator[Finding]:
    """Yield findings for packets that are dropped, but would be recorded if they came from another port."""
    for rules, pair in model.intrusions.items():
        for dropped, seen_from in _hidden(model, rule, rules, pair) if rules >> rule & 1 else ():
            if model.drops(rule, dropped) and model.recorder(replace(dropped, src_port=seen_from), dropped):
                who = listed(pair.src.names, "or")
                sentence = (
                    f'"{model.sentence(rule)}" hides whatever outsiders in {who} send from port {dropped.src_port}; '
                    f"from port {seen_from} this packet would be recorded"
                )
                yield Finding(Code.SPOOFABLE_DROP, rule_place(rule), sentence, dropped)


def _spoofable_when_tried(model: Model, rule: int) -> Iterator[Finding]:
    for dropped in _dropped_when_tried(model, rule, model.intrusions.values()):
        for seen_from in _OTHER_PORTS if model.is_outsider(dropped.src_addr) else ():
            if model.recorder(replace(dropped, src_port=seen_from), dropped):
                sentence = (
                    f'"{model.sentence(rule)}" drops this packet of an outsider for its source port; '
                    f"from port {seen_from} it would be recorded (found by sampling)"
                )
                yield Finding(Code.SPOOFABLE_DROP, rule_place(rule), sentence, dropped)


def _dropped_when_tried(model: Model, rule: int, pairs: Iterable[Pair]) -> Iterator[Packet]:
    """Yield packets that `rule` drops, found by sampling where custom actions may decide."""
    shares = [(pair, model.chart(pair.rules).of(rule)) for pair in pairs if pair.rules >> rule & 1]
    places = [(pair, block) for pair, share in shares if share and not share.is_sure for block in share.blocks]
    return (packet for packet in islice(likely_packets(model, places), MOST) if model.drops(rule, packet))


def _hidden(model: Model, rule: int, rules: int, pair: Pair) -> Iterator[tuple[Packet, int]]:
    """Yield packets that `rule` drops for their source port, each with a source port that another rule records."""
    chart = model.chart(rules)
    share = chart.of(rule)
    for block in share.blocks if share else ():
        by_source = Block(block.src & model.takes[rule].ports, block.dst)
        for seen in chart.recorded(model.takes):
            common = Block(by_source.src, by_source.dst & seen.dst)
            if common:
                src_port, _ = example(model.classes, common)
                other_port, dst_port = example(model.classes, Block(seen.src, common.dst))
                yield Packet(pair.src.examples[0], src_port, pair.dst.examples[1], dst_port), other_port


def find_one_way(model: Model) -> Iterator[Finding]:
    """Yield a finding for each rule that drops packets whose answers are recorded."""
    for rule, takes in enumerate(model.takes):
        if takes.is_own or takes.drops:
            worked_out = (_one_way(model, rule, dropped) for dropped in _answered(model, rule))
            tried = _dropped_when_tried(model, rule, model.exchanges.values())
            by_sampling = (_one_way(model, rule, dropped, " (found by sampling)") for dropped in tried)
            yield from islice(filter(None, chain(worked_out, by_sampling)), 1)


def _one_way(model: Model, rule: int, dropped: Packet, how: str = "") -> Finding | None:
    """Return a finding if `rule` drops the packet and its answer is recorded."""
    answer = Packet(dropped.dst_addr, dropped.dst_port, dropped.src_addr, dropped.src_port)
    by = model.recorder(answer, dropped)
    if not (by and model.drops(rule, dropped)):
        return None
    sentence = (
        f'"{model.sentence(rule)}" drops this packet; the one back, {answer.to_text()}, is recorded by '
        f"{by} if the agent receives it too{how}"
    )
    return Finding(Code.ONE_WAY_DROP, rule_place(rule), sentence, dropped)


def _answered(model: Model, rule: int) -> Iterator[Packet]:
    """Yield packets that `rule` drops, where another rule records the answer."""
    for (rules, turned), pair in model.exchanges.items():
        share = model.chart(rules).of(rule) if rules >> rule & 1 else None
        back = tuple(model.chart(turned).recorded(model.takes)) if share else ()
        for block in share.blocks if share else ():
            for recorded in back:
                if common := block & recorded.turned:
                    yield model.packet(pair, common)
