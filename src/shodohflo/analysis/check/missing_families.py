"""Address families that a configuration leaves out (MISSING-FAMILY, UNBOUND-NETWORKS)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.analysis.check.space import FAMILIES, Space
from shodohflo.config.findings import Code, Finding
from shodohflo.model import entry_place
from shodohflo.rules.networks import OurNetworks
from shodohflo.rules.packet import Packet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.analysis.check.model import Model


def find_missing(model: Model) -> Iterator[Finding]:
    """Yield a finding for each family that is in no network, or only partly while the other is covered completely."""
    nowhere = {v: [p for p in model.space.pieces if p.version == v and p.claim is None] for v in FAMILIES}
    for version, other in zip(FAMILIES, reversed(FAMILIES), strict=True):
        is_named = any(claim.prefix.version == version for claim in model.space.claims)
        if not nowhere[version] or (is_named and nowhere[other]):
            continue
        src, dst = Space.foremost(nowhere[version]).examples()
        sentence = (
            f"addresses such as {src} are in no network, while every IPv{other} address is in one"
            if is_named
            else f"no entry holds an IPv{version} address, so all IPv{version} packets are unmatched"
        )
        place = f"NETWORK_ENUMERATION IPv{version}"
        yield Finding(Code.MISSING_FAMILY, place, sentence, Packet(src, 40000, dst, 443))


def find_unbound(model: Model) -> Iterator[Finding]:
    """Yield a finding for each entry with OUR_4NETS or OUR_6NETS if none of our networks is of that family."""
    bound = {network.version for network in model.configuration.named}
    for number, entry in enumerate(model.configuration.networks.entries):
        for ours in entry.given:
            if isinstance(ours, OurNetworks) and ours.version not in bound:
                stands_for = ", ".join(map(str, entry.resolve(ours)))
                sentence = f"none of our networks is IPv{ours.version}, so {ours.name} stands for {stands_for}"
                yield Finding(Code.UNBOUND_NETWORKS, entry_place(number), sentence)
