"""Rules that never decide anything (DEAD-RULE), and for every other rule a packet that it decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shodohflo.analysis.check.model import Pair
from shodohflo.analysis.check.ports import claimed, example
from shodohflo.analysis.check.prefixes import elsewhere, holders_of
from shodohflo.analysis.check.sampling import sample
from shodohflo.analysis.check.words import listed, rules_named
from shodohflo.attribution.order import ORDER, first_to_apply
from shodohflo.config.findings import Code, Finding
from shodohflo.model import rule_place
from shodohflo.rules.packet import Packet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.analysis.check.model import Model
    from shodohflo.analysis.check.ports import Block
    from shodohflo.analysis.check.space import Claim


@dataclass(slots=True)
class Liveness:
    """What is known about the rules, by number; a rule in none of the three is proven dead."""

    alive: dict[int, Packet] = field(default_factory=dict)
    """A packet that the rule decides, if only by evidence."""
    tried: dict[int, int] = field(default_factory=dict)
    """How many packets were tried without success, for rules that depend on a custom action."""
    failing: dict[int, Packet] = field(default_factory=dict)
    """A packet on which a custom action fails; the rule may be alive nevertheless."""


def examine(model: Model) -> Liveness:
    """Classify every rule."""
    known = Liveness()
    places: dict[int, list[tuple[Pair, Block]]] = {}
    for rules, pair in model.meetings.items():
        chart = model.chart(rules)
        for share in (*chart.shares, *([chart.evidence] if chart.evidence else [])):
            if share.is_sure:
                known.alive.setdefault(share.rule, model.packet(pair, share.blocks[0]))
            else:
                places.setdefault(share.rule, []).extend((pair, block) for block in share.blocks)
    # Of `Observed` with a custom action, it may be proven that it is alive; the action may still fail.
    for rule in sorted(rule for rule in places if rule not in known.alive or model.takes[rule].is_own):
        sampled = sample(model, rule, places[rule])
        if sampled.decided:
            known.alive.setdefault(rule, sampled.decided)
        elif rule not in known.alive:
            known.tried[rule] = sampled.tried
        if sampled.failed:
            known.failing[rule] = sampled.failed
    return known


def find_dead(model: Model) -> Iterator[Finding]:
    """Yield a finding for each rule that decides nothing, and for each custom action that fails."""
    known = examine(model)
    for rule in range(len(model.takes)):
        place, words = rule_place(rule), model.sentence(rule)
        if rule in known.failing:
            what = model.mapping.last_failure[rule]
            yield Finding(Code.FAILING_ACTION, place, f'"{words}" {what} (found by sampling)', known.failing[rule])
        if rule in known.tried:
            sentence = (
                f'"{words}" decided none of {known.tried[rule]:,} packets that were tried (by sampling, no proof)'
            )
            yield Finding(Code.UNPROVEN_RULE, place, sentence)
        elif rule not in known.alive:
            why, witness = _why_dead(model, rule)
            yield Finding(Code.DEAD_RULE, place, f'"{words}" never decides anything: {why}', witness)


def _why_dead(model: Model, rule: int) -> tuple[str, Packet | None]:
    """Return the reason, and a packet that shows it if there is one."""
    wanted = claimed(model.takes[rule], len(model.classes))
    if not wanted:
        return "its action never has an opinion", None
    met = {rules: pair for rules, pair in model.meetings.items() if rules >> rule & 1}
    if not met:
        return _why_unmet(model, rule, wanted[0])
    charts = {id(chart): chart for chart in map(model.chart, met)}.values()
    takers = {n for chart in charts for n in chart.takers(rule, model.takes, len(model.classes))}
    take = "take" if len(takers) > 1 else "takes"
    return f"{rules_named(takers)} {take} all its packets", model.packet(next(iter(met.values())), wanted[0])


def _why_unmet(model: Model, rule: int, block: Block) -> tuple[str, Packet | None]:
    """Return why no packet comes to a rule, and a packet that shows it if there is one."""
    src, dst = model.mapping.rules[rule].src, model.mapping.rules[rule].dst
    peopled = {name for zone in model.zones for name in zone.names}
    empty = [name for name in dict.fromkeys((src, dst)) if name is not None and name not in peopled]
    if empty:
        claims = [claim for claim in model.space.claims if claim.name in empty]
        return _why_empty(empty, claims, model) + _instead(model, rule), _meant(model, rule, claims, block)
    if not model.zones:
        return "no address is in any network", None
    ends = [Pair(a, b) for a in model.zones for b in model.zones if a.version == b.version]
    suppressed = [pair for pair in ends if pair.rules >> rule & 1]
    if suppressed:
        packet = model.packet(suppressed[0], block)
        decided = first_to_apply(ORDER, packet, model.policy)
        assert decided is not None, "a pair that is not judged is decided before the rules"
        return f"no packet of its networks comes to the rules: {decided.words}", packet
    return f"no packet goes from {src} to {dst}, because they have no address family in common", None


def _why_empty(empty: list[str], claims: list[Claim], model: Model) -> str:
    entries = {holder.entry: holder for claim in claims for holder in holders_of(claim, model.space)}
    if not entries:
        return f"no address is in {listed(empty, 'or')}, for want of a prefix"
    holders = listed(f"{entries[entry].name} ({entries[entry].place})" for entry in sorted(entries))
    return (
        f"no address is in {listed(empty, 'or')}, because {holders} {'has' if len(entries) == 1 else 'have'} all of it"
    )


def _instead(model: Model, rule: int) -> str:
    """Return half a sentence that names the rules which decide the packets of a rule whose networks are empty."""
    src, dst = (_holding(name, model) for name in (model.mapping.rules[rule].src, model.mapping.rules[rule].dst))
    wanted = claimed(model.takes[rule], len(model.classes))
    takers = {
        share.rule
        for pair in model.pairs
        if src & {*pair.src.names} and dst & {*pair.dst.names}
        for share in model.chart(pair.rules).shares
        if any(block & want for block in share.blocks for want in wanted)
    }
    take = "take" if len(takers) > 1 else "takes"
    return f"; {rules_named(takers)} {take} its packets" if takers else ""


def _holding(name: str | None, model: Model) -> set[str]:
    """Return the networks that hold the addresses in the prefixes of `name`."""
    claims = [claim for claim in model.space.claims if name in (None, claim.name)]
    return {holder.name for claim in claims for holder in holders_of(claim, model.space)}


def _meant(model: Model, rule: int, claims: list[Claim], block: Block) -> Packet | None:
    """Return a packet that a rule with empty networks was probably written for."""
    if not claims:
        return None
    address = model.space.within(claims[0].prefix)[0].examples()[0]
    other_name = {model.mapping.rules[rule].src, model.mapping.rules[rule].dst} - {claims[0].name, None}
    zones = [z for z in model.zones if z.version == address.version and other_name & {*z.names}]
    other = zones[0].examples[0] if zones else elsewhere(address, model)
    src_port, dst_port = example(model.classes, block)
    is_src = model.mapping.rules[rule].src == claims[0].name
    src, dst = (address, other) if is_src else (other, address)
    return Packet(src, src_port, dst, dst_port)
