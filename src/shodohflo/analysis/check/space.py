"""The address space as a configuration cuts it up: exact, over both families, by sorted segments.

A `Claim` is one prefix of one entry. Where several claims hold an address, the earliest has it. A `Piece` is a run of
addresses with the same earliest claim that are all ours, or all not; the pieces of a family are all its addresses.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from shodohflo.model import entry_place
from shodohflo.rules.networks import OurNetworks, segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shodohflo.columns.batch import Family
    from shodohflo.model import Address
    from shodohflo.rules.networks import Network, NetworkEnumeration

FAMILIES: Final[tuple[Family, Family]] = (4, 6)
BITS: Final = {4: 32, 6: 128}

_KNOWN: Final = (
    [int(IPv4Address(text)) for text in ("198.51.100.9", "203.0.113.7")],
    [int(IPv6Address(text)) for text in ("2001:db8::9", "2001:db8:ffff::7")],
)
"""Addresses for documentation (RFC 5737, RFC 3849): whoever reads them knows that they stand for any."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One prefix of one entry of NETWORK_ENUMERATION."""

    entry: int
    name: str
    prefix: Network
    word: str = ""
    """OUR_4NETS or OUR_6NETS, where that is how the prefix came in."""

    @property
    def place(self) -> str:
        """The entry."""
        return entry_place(self.entry)

    def __str__(self) -> str:
        """Name the prefix as the operator knows it."""
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
        """Tell whether they are outsiders': in a network, not ours, and not named one by one."""
        return self.claim is not None and not self.is_ours and self.claim.prefix.num_addresses > 1

    @property
    def known(self) -> list[int]:
        """The addresses for documentation that it holds."""
        return [number for number in _KNOWN[self.version == 6] if self.first <= number <= self.last]

    def cut_to(self, prefix: Network) -> Piece:
        """Return what is also in `prefix`."""
        return replace(self, first=max(self.first, int(prefix[0])), last=min(self.last, int(prefix[-1])))

    def examples(self) -> tuple[Address, Address]:
        """Return two of the addresses, the second another one if there is one: telling ones where it holds any."""
        # The first address of a subnet is no host's.
        hosts = [number for number in (self.first + 1, self.first + 2, self.first) if number <= self.last]
        numbers = [*self.known, *hosts]
        return address_of(self.version, numbers[0]), address_of(self.version, numbers[min(1, len(numbers) - 1)])


@dataclass(frozen=True, slots=True)
class Space:
    """All addresses."""

    claims: tuple[Claim, ...]
    """In the order in which they are tried."""
    pieces: tuple[Piece, ...]

    @classmethod
    def cut(cls, enumeration: NetworkEnumeration, our_nets: Sequence[Network]) -> Space:
        """Cut up the space as `enumeration` is now, and by what is ours."""
        claims = tuple(_claims(enumeration))
        return cls(claims, tuple(piece for version in FAMILIES for piece in _pieces(version, claims, our_nets)))

    def within(self, prefix: Network) -> list[Piece]:
        """Return `prefix` in pieces."""
        ends = [(prefix.version, int(prefix[end])) for end in (0, -1)]
        begin, end = (bisect_right(self.pieces, end, key=lambda piece: (piece.version, piece.first)) for end in ends)
        return [piece.cut_to(prefix) for piece in self.pieces[begin - 1 : end]]

    @staticmethod
    def foremost(pieces: Iterable[Piece]) -> Piece:
        """Return the piece with the most telling examples: with addresses for documentation, else with most of all."""
        return max(pieces, key=lambda piece: (len(piece.known), piece.size))


def address_of(version: int, number: int) -> Address:
    """Return the address of a family with that number."""
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
