"""The address space as a configuration divides it: exact, for both families, in sorted pieces.

A `Claim` is one prefix of one entry of NETWORK_ENUMERATION; an address belongs to the first claim that holds it. A
`Piece` is a run of addresses with the same claim that are either all ours or all not ours. The pieces of a family cover
all its addresses without overlap.

With the entries ("bert", "10.0.0.1/32"), ("lan", "10.0.0.0/8") and `--our-nets 10.0.0.0/24`, IPv4 has six pieces:

    0.0.0.0  to 9.255.255.255    in no network
    10.0.0.0 to 10.0.0.0         lan    ours
    10.0.0.1 to 10.0.0.1         bert   ours
    10.0.0.2 to 10.0.0.255       lan    ours
    10.0.1.0 to 10.255.255.255   lan    not ours, so its addresses may be anybody's (`is_open`)
    11.0.0.0 to 255.255.255.255  in no network
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from shodohflo.model import Network, entry_place
from shodohflo.rules.networks import OurNetworks, segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shodohflo.columns.batch import Family
    from shodohflo.model import Address
    from shodohflo.rules.networks import NetworkEnumeration

FAMILIES: Final[tuple[Family, Family]] = (4, 6)
BITS: Final = {4: 32, 6: 128}

_KNOWN: Final = (
    [int(IPv4Address(text)) for text in ("198.51.100.9", "203.0.113.7")],
    [int(IPv6Address(text)) for text in ("2001:db8::9", "2001:db8:ffff::7")],
)
"""Addresses for documentation (RFC 5737, RFC 3849), which readers recognise as examples."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One prefix of one entry of NETWORK_ENUMERATION."""

    entry: int
    name: str
    prefix: Network
    word: str = ""
    """OUR_4NETS or OUR_6NETS if the entry names the prefix that way, else empty."""

    @property
    def place(self) -> str:
        """The entry, as `NETWORK_ENUMERATION[2]`."""
        return entry_place(self.entry)

    def __str__(self) -> str:
        """Return the prefix, with the word that stands for it in the configuration."""
        return f"{self.prefix} ({self.word})" if self.word else str(self.prefix)


@dataclass(frozen=True, slots=True)
class Piece:
    """The addresses from `first` to `last`, as numbers of one family."""

    version: Family
    first: int
    last: int
    claim: Claim | None
    is_ours: bool

    @property
    def size(self) -> int:
        """Count the addresses."""
        return self.last - self.first + 1

    @property
    def is_open(self) -> bool:
        """Whether anybody may have these addresses: in a network, not ours, and not alone in their prefix."""
        return self.claim is not None and not self.is_ours and self.claim.prefix.num_addresses > 1

    @property
    def known(self) -> list[int]:
        """The documentation addresses among them."""
        return [number for number in _KNOWN[self.version == 6] if self.first <= number <= self.last]

    def cut_to(self, prefix: Network) -> Piece:
        """Return the part that is in `prefix`, which must overlap."""
        return replace(self, first=max(self.first, int(prefix[0])), last=min(self.last, int(prefix[-1])))

    def examples(self) -> tuple[Address, Address]:
        """Return two of the addresses, documentation addresses first; the same one twice if there is only one."""
        # The first address of a subnet belongs to no host.
        hosts = [number for number in (self.first + 1, self.first + 2, self.first) if number <= self.last]
        numbers = [*self.known, *hosts]
        return address_of(self.version, numbers[0]), address_of(self.version, numbers[min(1, len(numbers) - 1)])


@dataclass(frozen=True, slots=True)
class Space:
    """All addresses of both families."""

    claims: tuple[Claim, ...]
    """In the order in which an address is looked up."""
    pieces: tuple[Piece, ...]

    @classmethod
    def cut(cls, enumeration: NetworkEnumeration, our_nets: Sequence[Network]) -> Space:
        """Cut the space by the prefixes of `enumeration` and of `our_nets`."""
        claims = tuple(_claims(enumeration))
        return cls(claims, tuple(piece for version in FAMILIES for piece in _pieces(version, claims, our_nets)))

    def within(self, prefix: Network) -> list[Piece]:
        """Return the pieces of `prefix`, cut to it."""
        ends = [(prefix.version, int(prefix[end])) for end in (0, -1)]
        begin, end = (bisect_right(self.pieces, end, key=lambda piece: (piece.version, piece.first)) for end in ends)
        return [piece.cut_to(prefix) for piece in self.pieces[begin - 1 : end]]

    @staticmethod
    def foremost(pieces: Iterable[Piece]) -> Piece:
        """Return the piece with the most documentation addresses; among equals, the largest."""
        return max(pieces, key=lambda piece: (len(piece.known), piece.size))


def address_of(version: int, number: int) -> Address:
    """Return address `number` of IP `version`."""
    return IPv4Address(number) if version == 4 else IPv6Address(number)


def _claims(enumeration: NetworkEnumeration) -> Iterator[Claim]:
    for number, entry in enumerate(enumeration.entries):
        for given in entry.given:
            if isinstance(given, OurNetworks):
                yield from (Claim(number, entry.name, prefix, given.name) for prefix in entry.resolve(given))
            else:
                yield Claim(number, entry.name, given)


def _pieces(version: Family, claims: Sequence[Claim], our_nets: Iterable[Network]) -> Iterator[Piece]:
    numbered = [(claim.prefix, place) for place, claim in enumerate(claims, start=1)]
    claimed, places = segments([claim for claim in numbered if claim[0].version == version])
    owned, ours = segments([(prefix, 1) for prefix in our_nets if prefix.version == version])
    starts = sorted({*claimed, *owned})
    for first, after in zip(starts, [*starts[1:], 1 << BITS[version]], strict=True):
        place = places[bisect_right(claimed, first) - 1]
        is_ours = ours[bisect_right(owned, first) - 1] == 1
        yield Piece(version, first, after - 1, claims[place - 1] if place else None, is_ours)
