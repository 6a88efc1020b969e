"""Named networks: an address belongs to the first entry with a prefix that holds it.

`NetworkEnumeration` is the operator's ordered list. `NetworkTable` is the same list compiled to sorted arrays, which
look up a whole column of addresses at once.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.model import Network, entry_place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.model import Address

FEW_STARTS: Final = 16
MANY_ROWS: Final = 4096
"""For at most so many starts and at least so many rows, comparing the column with each start beats a binary search."""

NOWHERE: Final = 0
"""The network id of an address that is in no network."""

MOST_NETWORKS: Final = 65_534
"""Network ids are 16 bits wide, and 65,535 stays unused."""


PRIVATE: Final = tuple(
    ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""RFC 1918, RFC 6598, RFC 4193."""

_BLOCKS: Final = (*PRIVATE, *map(ip_network, ("224.0.0.0/4", "fd00::/8", "fe80::/10", "ff00::/8")))
"""Networks that are known by their first address; also RFC 5771, RFC 4193, and RFC 4291 sections 2.5.6 and 2.7."""


class OurNetworks:
    """A placeholder for our networks of one family; it can be used wherever a prefix can."""

    def __init__(self, name: str, *default: Network) -> None:
        """`default` is what the placeholder stands for if none of our networks is of its family."""
        self.name = name
        self.version = default[0].version
        self.default: tuple[Network, ...] = default
        self.prefixes: tuple[Network, ...] = default
        """Its networks in enumerations that are not bound, as set by `update_our_nets` at a Python prompt."""

    def among(self, our_nets: Iterable[Network]) -> tuple[Network, ...]:
        """Return the networks among `our_nets` of its family, or the default if there are none."""
        return tuple(network for network in our_nets if network.version == self.version) or self.default

    def __repr__(self) -> str:
        """Return the name by which a configuration refers to it."""
        return self.name


OUR_4NETS: Final = OurNetworks("OUR_4NETS", IPv4Network("127.0.0.0/24"))
"""Our IPv4 networks, as given when the agent is started."""

OUR_6NETS: Final = OurNetworks("OUR_6NETS", IPv6Network("fc00::/7"))
"""Our IPv6 networks, as given when the agent is started."""


def update_our_nets(networks: object) -> None:
    """Set what OUR_4NETS and OUR_6NETS stand for at a Python prompt: one network, or an iterable of networks.

    A family without a network in `networks` keeps its prefixes. Compiled tables do not change, nor do enumerations
    made by `NetworkEnumeration.bound`; the agent and the commands use only those.
    """
    single = not isinstance(networks, Iterable) or isinstance(networks, str | bytes | IPv4Network | IPv6Network)
    prefixes = [parse_prefix(network) for network in ([networks] if single else networks)]  # type: ignore[attr-defined] # an iterable, by the line above
    for ours in (OUR_4NETS, OUR_6NETS):
        named = tuple(prefix for prefix in prefixes if prefix.version == ours.version)
        ours.prefixes = named or ours.prefixes


def parse_prefix(given: Any) -> Network:  # noqa: ANN401 - whatever `ip_network` accepts; it rejects the rest
    """Return `given` as a network, or raise a ValueError that states what to write instead."""
    try:
        return ip_network(given)
    except (ValueError, TypeError, IndexError):  # an empty tuple is an IndexError to `ip_network`
        raise ValueError(_complaint(given)) from None


def _complaint(given: Any) -> str:  # noqa: ANN401 - as above
    try:
        return f"{given!r} has host bits set; write {str(ip_network(given, strict=False))!r}"
    except (ValueError, TypeError, IndexError):
        return f"{given!r} is not a prefix; write one like '192.0.2.0/24' or '2001:db8::/32'"


def forgotten_length(given: object) -> Network | None:
    """Return the network that was probably meant by an address without a length; None if it is written as a host's.

    A network's address ends in zeros: an octet of IPv4, or the 64 bits of an IPv6 interface (RFC 4291 section 2.5.1).
    """
    try:
        address = ip_address(str(given))
    except ValueError:
        return None
    octets = len(address.packed.rstrip(b"\0"))
    if address.version == 4:
        length = 8 * octets if octets < 4 else None
    else:
        length = 16 * -(-octets // 2) if octets <= 8 else None
    known = next((block for block in _BLOCKS if block.network_address == address), None)
    return None if length is None else known or ip_network((address, length))


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a NETWORK_ENUMERATION."""

    name: str
    given: tuple[Network | OurNetworks, ...]
    """The prefixes as written, with OUR_4NETS and OUR_6NETS unresolved."""
    without_length: tuple[Network, ...] = ()
    """Those among `given` that were written as an address, for which `forgotten_length` knows a network."""
    our_nets: tuple[Network, ...] | None = None
    """What OUR_4NETS and OUR_6NETS stand for; if None, they have the prefixes set by `update_our_nets`."""

    @classmethod
    def parse(cls, given: object) -> Entry:
        """Parse (name, prefix, ...), or raise a ValueError that states which part is wrong."""
        if not isinstance(given, tuple | list) or not given:
            raise ValueError(f": {given!r} is not an entry; write ('name', 'prefix', ...)")
        name, *prefixes = given
        if not isinstance(name, str):
            raise ValueError(f": {name!r} is not a name; write ('name', 'prefix', ...)")  # noqa: TRY004 - one exception type for every malformed entry
        try:
            parsed = tuple(p if isinstance(p, OurNetworks) else parse_prefix(p) for p in prefixes)
            return cls(name, parsed, tuple(parse_prefix(p) for p in prefixes if forgotten_length(p)))
        except ValueError as error:
            raise ValueError(f" {name!r}: {error}") from None

    @property
    def prefixes(self) -> tuple[Network, ...]:
        """The prefixes, with OUR_4NETS and OUR_6NETS resolved."""
        return tuple(prefix for part in self.given for prefix in self.resolve(part))

    def resolve(self, part: Network | OurNetworks) -> tuple[Network, ...]:
        """Return the prefixes that `part`, one of `given`, stands for."""
        if not isinstance(part, OurNetworks):
            return (part,)
        return part.prefixes if self.our_nets is None else part.among(self.our_nets)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address was found: the entry, numbered from 0, its name, and the prefix that holds the address."""

    entry: int
    name: str
    prefix: Network


class NetworkEnumeration:
    """The networks that rules name, in the order in which an address is looked up.

    Each entry is (name, prefix, ...). An address belongs to the FIRST entry with a prefix that holds it, so put a host
    before the network around it. Prefixes are strings such as '192.0.2.0/24', anything else that
    `ipaddress.ip_network` accepts, or OUR_4NETS and OUR_6NETS; an entry may have prefixes of both families. An entry
    without a prefix holds nothing. Several entries may have the same name: they are one network.
    """

    entries: tuple[Entry, ...]
    network_id: Mapping[str | None, int]
    """The network ids by name, numbered from 1 in order of first appearance; None is 0."""

    def __init__(self, *entries: object) -> None:
        """Parse the entries; raise ValueError with the place of a malformed one."""
        self.entries = tuple(_parse_entry(place, entry) for place, entry in enumerate(entries))
        names = dict.fromkeys(entry.name for entry in self.entries)
        if len(names) > MOST_NETWORKS:
            raise ValueError(f"NETWORK_ENUMERATION: {len(names)} names are too many; the limit is {MOST_NETWORKS}")
        self.network_id = MappingProxyType({None: NOWHERE} | {name: n for n, name in enumerate(names, start=1)})

    def bound(self, our_nets: Iterable[Network]) -> NetworkEnumeration:
        """Return the same networks with OUR_4NETS and OUR_6NETS standing for `our_nets`."""
        ours = tuple(our_nets)
        bound = copy.copy(self)
        bound.entries = tuple(replace(entry, our_nets=ours) for entry in self.entries)
        return bound

    def ours(self, our_nets: Iterable[Network]) -> tuple[Network, ...]:
        """Return `our_nets`, and the default of each placeholder used here if none of `our_nets` is of its family.

        Flows follow the placeholders, resets and unreachables follow our networks: with these, both agree.
        """
        named = tuple(our_nets)
        used = {part: None for entry in self.entries for part in entry.given if isinstance(part, OurNetworks)}
        return (*named, *(prefix for part in used for prefix in part.among(named) if prefix not in named))

    def network(self, address: Address) -> int | None:
        """Return the id of the network that `address` belongs to, or None if it is in no network."""
        place = self.find(address)
        return None if place is None else self.network_id[place.name]

    def find(self, address: Address) -> Place | None:
        """Return the entry and the prefix that `address` belongs to, or None if it is in no network."""
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
    """The networks of one family: addresses from `starts[i]` to just below `starts[i + 1]` are in network `ids[i]`."""

    starts: NDArray[Any]
    """In ascending order from the lowest address, 0; `uint32` for IPv4, `S16` for IPv6, as in a `Batch`."""
    ids: NDArray[np.uint16]

    def find(self, addresses: NDArray[Any]) -> NDArray[np.uint16]:
        """Return the network id of each address."""
        if len(self.starts) <= FEW_STARTS and len(addresses) >= MANY_ROWS:
            return self.ids[_count_passed(self.starts[1:], addresses)]
        return self.ids[np.searchsorted(self.starts, addresses, side="right") - 1]


def _count_passed(starts: NDArray[Any], addresses: NDArray[Any]) -> NDArray[np.uint8]:
    """Return for each address the number of `starts` that are not above it."""
    passed = np.zeros(len(addresses), np.uint8)
    if addresses.dtype.kind == "u":
        for start in starts:
            passed += addresses >= start
        return passed
    (highs, lows), (high, low) = _halves(starts), _halves(addresses)
    for start_high, start_low in zip(highs, lows, strict=True):
        if start_low == 0:  # the usual case, prefixes up to /64, with half the work
            passed += high >= start_high
        else:
            passed += (high > start_high) | ((high == start_high) & (low >= start_low))
    return passed


def _halves(column: NDArray[Any]) -> NDArray[np.uint64]:
    """Return the higher and the lower 64 bits of each address of an `S16` column."""
    return np.ascontiguousarray(column).view(">u8").reshape(-1, 2).T.astype(np.uint64)


@dataclass(frozen=True, slots=True)
class NetworkTable:
    """The networks of both families, compiled to look up columns of addresses."""

    v4: FamilyTable
    v6: FamilyTable

    @classmethod
    def compile(cls, enumeration: NetworkEnumeration) -> NetworkTable:
        """Compile `enumeration`; `find` gives the ids of its `network`, with `NOWHERE` instead of None.

        Later calls of `update_our_nets` do not change the table.
        """
        ids = enumeration.network_id
        return cls._flatten([(prefix, ids[entry.name]) for entry in enumeration.entries for prefix in entry.prefixes])

    @classmethod
    def of_prefixes(cls, prefixes: Iterable[Network]) -> NetworkTable:
        """Return a table with id 1 for addresses in one of `prefixes`, and `NOWHERE` for all others."""
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
    """Return the starts and the network ids of the segments into which `claims` divide the addresses of one family.

    A claim is a prefix with a network id; all are of one family. An address has the id of the first claim that holds
    it, or `NOWHERE`, and neighbouring segments have different ids. A worked example, with the starts as text:

        claims     10.1.2.0/24 by network 1, 10.1.0.0/16 by network 2, 10.0.0.0/8 by network 3
        starts     0.0.0.0   10.0.0.0   10.1.0.0   10.1.2.0   10.1.3.0   10.2.0.0   11.0.0.0
        ids        0         3          2          1          2          3          0

    If 10.0.0.0/8 comes before 10.1.0.0/16, it takes all addresses of the inner prefix, and network 2 never appears:

        claims     10.1.2.0/24 by network 1, 10.0.0.0/8 by network 3, 10.1.0.0/16 by network 2
        starts     0.0.0.0   10.0.0.0   10.1.2.0   10.1.3.0   11.0.0.0
        ids        0         3          1          3          0
    """
    bounds = {0} | {int(prefix[0]) for prefix, _ in claims} | {int(prefix[-1]) + 1 for prefix, _ in claims}
    beyond = {1 << prefix.max_prefixlen for prefix, _ in claims}
    waiting = deque(sorted((int(prefix[0]), place) for place, (prefix, _) in enumerate(claims)))
    holding: list[int] = []  # a heap: the positions of the claims that begin at or before the bound
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
