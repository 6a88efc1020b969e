"""Prefixes that earlier entries cover completely, so that their own entry never gets an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shodohflo.analysis.check.words import listed
from shodohflo.config.findings import Code, Finding
from shodohflo.rules.packet import Packet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shodohflo.analysis.check.model import Model
    from shodohflo.analysis.check.space import Claim, Space
    from shodohflo.model import Address

MOST: Final = 4
"""Claims that a sentence names."""


def find_covered(model: Model) -> Iterator[Finding]:
    """Yield a finding for each prefix that earlier prefixes cover completely."""
    for claim in model.space.claims:
        holders = holders_of(claim, model.space)
        if any(holder is claim for holder in holders):
            continue
        others = [holder for holder in holders if holder.name != claim.name]
        code = Code.SHADOWED_PREFIX if others else Code.REDUNDANT_PREFIX
        whose = "wholly belongs to" if others else "already belongs to the same network through"
        sentence = f"{claim} of {claim.name} {whose} {named(holders)}"
        yield Finding(code, claim.place, sentence, packet_to(claim, model) if others else None)


def holders_of(claim: Claim, space: Space) -> list[Claim]:
    """Return the distinct claims that the addresses of `claim` belong to, by entry."""
    held = {id(piece.claim): piece.claim for piece in space.within(claim.prefix)}
    return sorted((holder for holder in held.values() if holder is not None), key=lambda holder: holder.entry)


def named(claims: Sequence[Claim]) -> str:
    """Name claims with their entries, at most `MOST` of them."""
    names = [f"{claim} of {claim.name} ({claim.place})" for claim in claims[:MOST]]
    return listed([*names, f"{len(claims) - MOST} more"] if len(claims) > MOST else names)


def packet_to(claim: Claim, model: Model) -> Packet:
    """Return a packet to an address of `claim` from another address."""
    dst = model.space.within(claim.prefix)[0].examples()[0]
    return Packet(elsewhere(dst, model), 40000, dst, 443)


def elsewhere(address: Address, model: Model) -> Address:
    """Return another address of the same family in a network, an outsider's if possible; `address` if there is none."""
    zones = [zone for zone in model.zones if zone.version == address.version]
    candidates = [example for zone in sorted(zones, key=lambda zone: not zone.is_open) for example in zone.examples]
    return next((candidate for candidate in candidates if candidate != address), address)
