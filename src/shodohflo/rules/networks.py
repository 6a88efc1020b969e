"""Named networks: an address belongs to the first entry one of whose prefixes holds it.

`NetworkEnumeration` is the operator's ordered list. `NetworkTable` is the same statement as sorted
arrays, so that a whole column of addresses is placed in one step.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.model import Network, entry_place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.model import Address

FEW_STARTS: Final = 16
MANY_ROWS: Final = 4096
"""Where counting is faster than searching: a comparison per start, but of the whole column at once."""

NOWHERE: Final = 0
"""The id of an address that no prefix holds."""

MOST_NETWORKS: Final = 65_534
"""Ids are 16 bits wide, and 65,535 stays free to end a table."""


class OurNetworks:
    """A placeholder for our networks of one family, to be written wherever a prefix can be."""

    def __init__(self, name: str, *default: Network) -> None:
        """`default` is what it stands for where none of our networks is of its family."""
        self.name = name
        self.version = default[0].version
        self.default: tuple[Network, ...] = default
        self.prefixes: tuple[Network, ...] = default
        """What `update_our_nets` named last, for enumerations that are not bound: for people at a prompt."""

    def among(self, our_nets: Iterable[Network]) -> tuple[Network, ...]:
        """Return those of `our_nets` that it stands for."""
        return tuple(network for network in our_nets if network.version == self.version) or self.default

    def __repr__(self) -> str:
        """Return the name an operator writes."""
        return self.name


OUR_4NETS: Final = OurNetworks("OUR_4NETS", IPv4Network("127.0.0.0/24"))
"""Our IPv4 networks, as given when the agent is started."""

OUR_6NETS: Final = OurNetworks("OUR_6NETS", IPv6Network("fc00::/7"))
"""Our IPv6 networks, as given when the agent is started."""


def update_our_nets(networks: object) -> None:
    """Let OUR_4NETS, OUR_6NETS or both stand for one network or an iterable of them, at a prompt.

    A family of which none is named keeps its prefixes. It changes neither what was compiled before nor any
    enumeration made by `NetworkEnumeration.bound`; the agent and the commands use only those.
    """
    single = not isinstance(networks, Iterable) or isinstance(networks, str | bytes | IPv4Network | IPv6Network)
    prefixes = [parse_prefix(network) for network in ([networks] if single else networks)]  # type: ignore[attr-defined] # an iterable, by the line above
    for ours in (OUR_4NETS, OUR_6NETS):
        named = tuple(prefix for prefix in prefixes if prefix.version == ours.version)
        ours.prefixes = named or ours.prefixes


def parse_prefix(given: Any) -> Network:  # noqa: ANN401 - whatever `ip_network` takes; it says what it can't
    """Return `given` as a network, or raise a ValueError that says what to write instead."""
    try:
        return ip_network(given)
    except (ValueError, TypeError, IndexError):  # an empty tuple is an IndexError to `ip_network`
        raise ValueError(_complaint(given)) from None


def _complaint(given: Any) -> str:  # noqa: ANN401 - as above
    try:
        return f"{given!r} has host bits set; write {str(ip_network(given, strict=False))!r}"
    except (ValueError, TypeError, IndexError):
        return f"{given!r} is not a prefix; write one like '192.0.2.0/24' or '2001:db8::/32'"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a NETWORK_ENUMERATION."""

    name: str
    given: tuple[Network | OurNetworks, ...]
    """The prefixes as written, with OUR_4NETS and OUR_6NETS unresolved."""
    our_nets: tuple[Network, ...] | None = None
    """What they stand for; None for what `update_our_nets` named last."""

    @classmethod
    def parse(cls, given: object) -> Entry:
        """Take (name, prefix, ...), or raise a ValueError that says which part is wrong."""
        if not isinstance(given, tuple | list) or not given:
            raise ValueError(f": {given!r} is not an entry; write ('name', 'prefix', ...)")
        name, *prefixes = given
        if not isinstance(name, str):
            raise ValueError(f": {name!r} is not a name; write ('name', 'prefix', ...)")  # noqa: TRY004 - one kind of error for all that is malformed
        try:
            return cls(name, tuple(p if isinstance(p, OurNetworks) else parse_prefix(p) for p in prefixes))
        except ValueError as error:
            raise ValueError(f" {name!r}: {error}") from None

    @property
    def prefixes(self) -> tuple[Network, ...]:
        """The prefixes, with OUR_4NETS and OUR_6NETS resolved."""
        return tuple(prefix for part in self.given for prefix in self.resolve(part))

    def resolve(self, part: Network | OurNetworks) -> tuple[Network, ...]:
        """Return what one of `given` stands for."""
        if not isinstance(part, OurNetworks):
            return (part,)
        return part.prefixes if self.our_nets is None else part.among(self.our_nets)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address was found: the entry, counted from 0, its name, and the prefix that holds the address."""

    entry: int
    name: str
    prefix: Network


class NetworkEnumeration:
    """The networks that rules speak of, in the order in which an address is looked for.

    Each entry is (name, prefix, ...). An address belongs to the FIRST entry one of whose prefixes holds it,
    so put a host before the network around it. Prefixes are strings such as '192.0.2.0/24', or anything
    else that `ipaddress.ip_network` takes, or OUR_4NETS and OUR_6NETS; both families may stand side by side.
    An entry without a prefix holds nothing. A name may stand several times: it is still one network.
    """

    entries: tuple[Entry, ...]
    network_id: Mapping[str | None, int]
    """The names, numbered from 1 in order of first appearance; None is 0."""

    def __init__(self, *entries: object) -> None:
        """Take the entries; a malformed one is a ValueError that says which."""
        self.entries = tuple(_parse_entry(place, entry) for place, entry in enumerate(entries))
        names = dict.fromkeys(entry.name for entry in self.entries)
        if len(names) > MOST_NETWORKS:
            raise ValueError(f"NETWORK_ENUMERATION: {len(names)} names are too many; {MOST_NETWORKS} will do")
        self.network_id = MappingProxyType({None: NOWHERE} | {name: n for n, name in enumerate(names, start=1)})

    def bound(self, our_nets: Iterable[Network]) -> NetworkEnumeration:
        """Return the same networks with OUR_4NETS and OUR_6NETS standing for `our_nets`."""
        ours = tuple(our_nets)
        bound = copy.copy(self)
        bound.entries = tuple(replace(entry, our_nets=ours) for entry in self.entries)
        return bound

    def network(self, address: Address) -> int | None:
        """Return the id of the network that `address` belongs to, or None."""
        place = self.find(address)
        return None if place is None else self.network_id[place.name]

    def find(self, address: Address) -> Place | None:
        """Return the entry and the prefix that `address` belongs to, or None."""
        for number, entry in enumerate(self.entries):
            for prefix in entry.prefixes:
                if address in prefix:
                    return Place(number, entry.name, prefix)
        return None


def _parse_entry(place: int, entry: object) -> Entry:
    try:
        return Entry.parse(entry)
    except ValueError as error:
        raise ValueError(f"{entry_place(place)}{error}") from None


@dataclass(frozen=True, slots=True)
class FamilyTable:
    """Addresses from `starts[i]` up to `starts[i + 1]` are in network `ids[i]`."""

    starts: NDArray[Any]
    """Ascending from the family's lowest address; `uint32` for IPv4, `S16` for IPv6, as in a `Batch`."""
    ids: NDArray[np.uint16]

    def find(self, addresses: NDArray[Any]) -> NDArray[np.uint16]:
        """Return the network id of each address."""
        if len(self.starts) <= FEW_STARTS and len(addresses) >= MANY_ROWS:
            return self.ids[_count_passed(self.starts[1:], addresses)]
        return self.ids[np.searchsorted(self.starts, addresses, side="right") - 1]


def _count_passed(starts: NDArray[Any], addresses: NDArray[Any]) -> NDArray[np.uint8]:
    """Count for each address how many of `starts` it is at or beyond."""
    passed = np.zeros(len(addresses), np.uint8)
    if addresses.dtype.kind == "u":
        for start in starts:
            passed += addresses >= start
        return passed
    (highs, lows), (high, low) = _halves(starts), _halves(addresses)
    for start_high, start_low in zip(highs, lows, strict=True):
        if start_low == 0:  # as for all prefixes up to /64, and half the work
            passed += high >= start_high
        else:
            passed += (high > start_high) | ((high == start_high) & (low >= start_low))
    return passed


def _halves(column: NDArray[Any]) -> NDArray[np.uint64]:
    """Return the higher and the lower 64 bits of each address of an `S16` column."""
    return np.ascontiguousarray(column).view(">u8").reshape(-1, 2).T.astype(np.uint64)


@dataclass(frozen=True, slots=True)
class NetworkTable:
    """The networks of both families, for columns of addresses."""

    v4: FamilyTable
    v6: FamilyTable

    @classmethod
    def compile(cls, enumeration: NetworkEnumeration) -> NetworkTable:
        """Flatten `enumeration` as it is now; `find` answers the same, and `NOWHERE` for None."""
        ids = enumeration.network_id
        return cls._flatten([(prefix, ids[entry.name]) for entry in enumeration.entries for prefix in entry.prefixes])

    @classmethod
    def of_prefixes(cls, prefixes: Iterable[Network]) -> NetworkTable:
        """Make a table that answers 1 for what one of `prefixes` holds, and `NOWHERE` for the rest."""
        return cls._flatten([(prefix, 1) for prefix in prefixes])

    @classmethod
    def _flatten(cls, claims: list[tuple[Network, int]]) -> NetworkTable:
        starts4, ids4 = segments([claim for claim in claims if claim[0].version == 4])
        starts6, ids6 = segments([claim for claim in claims if claim[0].version == 6])
        rows6 = [start.to_bytes(16, "big") for start in starts6]
        return cls(
            FamilyTable(np.array(starts4, np.uint32), np.array(ids4, np.uint16)),
            FamilyTable(np.array(rows6, "S16"), np.array(ids6, np.uint16)),
        )

    def find(self, addresses: NDArray[Any]) -> NDArray[np.uint16]:
        """Return the network id of each address of a `Batch` column, of either family."""
        return (self.v6 if addresses.dtype.kind == "S" else self.v4).find(addresses)


def segments(claims: list[tuple[Network, int]]) -> tuple[list[int], list[int]]:
    """Cut the addresses of one family where the answer changes; an earlier claim beats a later one."""
    bounds = {0} | {int(prefix[0]) for prefix, _ in claims} | {int(prefix[-1]) + 1 for prefix, _ in claims}
    beyond = {1 << prefix.max_prefixlen for prefix, _ in claims}
    waiting = deque(sorted((int(prefix[0]), place) for place, (prefix, _) in enumerate(claims)))
    holding: list[int] = []  # places of the claims that begin at or before the bound, a heap
    starts: list[int] = []
    ids: list[int] = []
    for bound in sorted(bounds - beyond):
        while waiting and waiting[0][0] == bound:
            heappush(holding, waiting.popleft()[1])
        while holding and int(claims[holding[0]][0][-1]) < bound:
            heappop(holding)
        answer = claims[holding[0]][1] if holding else NOWHERE
        if not ids or ids[-1] != answer:
            starts.append(bound)
            ids.append(answer)
    return starts, ids
