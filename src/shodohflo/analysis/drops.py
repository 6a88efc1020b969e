"""Drops that hide more than was meant, or only half of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shodohflo.analysis.findings import Code, Finding
from shodohflo.analysis.model import RULE
from shodohflo.analysis.packet import Packet
from shodohflo.analysis.ports import Block, example
from shodohflo.analysis.words import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.analysis.model import Model, Pair


def find_spoofable(model: Model) -> Iterator[Finding]:
    """Yield a finding for each rule behind which an outsider can hide by choosing a source port."""
    for rule, takes in enumerate(model.takes):
        if takes.drops and takes.src and not takes.rest:
            yield from _spoofable(model, rule)


def _spoofable(model: Model, rule: int) -> Iterator[Finding]:
    """Look for a packet that is dropped, and that would be recorded if it only came from another port."""
    for rules, pair in model.intrusions.items():
        for dropped, seen_from in _hidden(model, rule, rules, pair) if rules >> rule & 1 else ():
            seen = replace(dropped, src_port=seen_from)
            if model.decides(rule, dropped) and model.records(seen):
                who = listed(pair.src.names, "or")
                sentence = (
                    f'"{model.sentence(rule)}" hides whatever outsiders in {who} send from port {dropped.src_port}; '
                    f"from port {seen_from} this packet would be recorded"
                )
                yield Finding(Code.SPOOFABLE_DROP, RULE.format(rule), sentence, dropped)
                return


def _hidden(model: Model, rule: int, rules: int, pair: Pair) -> Iterator[tuple[Packet, int]]:
    """Yield packets that `rule` drops for their source port, each with a source port that another rule records."""
    chart = model.chart(rules)
    share = chart.of(rule)
    for block in share.blocks if share else ():
        by_source = Block(block.src & model.takes[rule].ports, block.dst)
        for other in chart.shares:
            for seen in other.blocks if not model.takes[other.rule].drops else ():
                common = Block(by_source.src, by_source.dst & seen.dst)
                if common:
                    src_port, _ = example(model.classes, common)
                    other_port, dst_port = example(model.classes, Block(seen.src, common.dst))
                    yield Packet(pair.src.examples[0], src_port, pair.dst.examples[1], dst_port), other_port


def find_one_way(model: Model) -> Iterator[Finding]:
    """Yield a finding for each rule that drops packets whose answers are recorded."""
    for rule, takes in enumerate(model.takes):
        if takes.drops:
            yield from _one_way(model, rule)


def _one_way(model: Model, rule: int) -> Iterator[Finding]:
    for (rules, turned), pair in model.exchanges.items():
        for dropped in _answered(model, rule, (rules, turned), pair) if rules >> rule & 1 else ():
            answer = Packet(dropped.dst_addr, dropped.dst_port, dropped.src_addr, dropped.src_port)
            if model.decides(rule, dropped) and model.records(answer):
                recorder = RULE.format(model.mapping.decide(*answer.ends).rule)
                sentence = (
                    f'"{model.sentence(rule)}" drops this packet; the one back, {answer.to_text()}, is recorded by '
                    f"{recorder} if the agent receives it too"
                )
                yield Finding(Code.ONE_WAY_DROP, RULE.format(rule), sentence, dropped)
                return


def _answered(model: Model, rule: int, meeting: tuple[int, int], pair: Pair) -> Iterator[Packet]:
    """Yield packets that `rule` drops where another rule records what comes back."""
    share = model.chart(meeting[0]).of(rule)
    back = model.chart(meeting[1]).shares if share else ()
    for block in share.blocks if share else ():
        for other in back:
            for recorded in other.blocks if not model.takes[other.rule].drops else ():
                if common := block & recorded.turned:
                    yield model.packet(pair, common)
