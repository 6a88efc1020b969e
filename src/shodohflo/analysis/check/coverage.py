"""Pairs of networks that no rule covers (UNCOVERED-PAIR), and networks that no rule names (UNUSED-NETWORK)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.analysis.check.prefixes import packet_to
from shodohflo.config.findings import Code, Finding
from shodohflo.model import entry_place
from shodohflo.rules.packet import Packet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.analysis.check.model import Model, Pair


def find_uncovered(model: Model) -> Iterator[Finding]:
    """Yield a finding for each group of pairs of networks that no rule has an opinion on."""
    targets: dict[str, dict[str, Pair]] = {}
    for pair in model.pairs:
        chart = model.chart(pair.rules)
        if not chart.shares and not chart.evidence:
            for src in pair.src.names:
                known = targets.setdefault(src, {})
                targets[src] = dict.fromkeys(pair.dst.names, pair) | known
    order = model.configuration.networks.network_id
    sources: dict[tuple[str, ...], list[str]] = {}
    for src in sorted(targets, key=lambda name: order[name]):
        sources.setdefault(tuple(sorted(targets[src], key=lambda name: order[name])), []).append(src)
    for destinations, several in sources.items():
        pair = targets[several[0]][destinations[0]]
        witness = Packet(pair.src.examples[0], 40000, pair.dst.examples[1], 443)
        place = f"{', '.join(several)} > {', '.join(destinations)}"
        yield Finding(Code.UNCOVERED_PAIR, place, "no rule has an opinion on packets between these networks", witness)


def find_unused(model: Model) -> Iterator[Finding]:
    """Yield a finding for each network that no rule names, except those with a prefix of length 0."""
    used = {name for rule in model.mapping.rules for name in (rule.src, rule.dst)}
    entries = model.configuration.networks.entries
    for name in model.configuration.networks.network_id:
        claims = [claim for claim in model.space.claims if claim.name == name]
        if name is None or name in used or any(claim.prefix.prefixlen == 0 for claim in claims):
            continue
        number = next(number for number, entry in enumerate(entries) if entry.name == name)
        witness = packet_to(claims[0], model) if claims else None
        yield Finding(Code.UNUSED_NETWORK, entry_place(number), f"no rule names {name}", witness)
