"""Origins are told apart as long as there is room, then summed up; dictionaries and sets are the model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.attribution.evidence.origins import LIFETIME, MOST_DISTINCT, MOST_TARGETS, Attempts, Origins, ranks
from shodohflo.model import TCP, UDP, Address, End, Knock
from support.observing import SECOND
from support.tables import made

if TYPE_CHECKING:
    from collections.abc import Sequence

HOST = IPv4Address("10.0.0.5")


@dataclass(frozen=True)
class Tried:
    """One row of attempts."""

    origin: Address
    port: int = 1
    target: Address = HOST
    protocol: int = TCP
    refused: int = 0
    silent: int = 1
    time: int = SECOND


def attempts(*rows: Tried) -> Attempts:
    """Return rows as a table."""
    return made(
        Attempts,
        len(rows),
        origin=[row.origin for row in rows],
        target=[row.target for row in rows],
        port=[row.port for row in rows],
        protocol=[row.protocol for row in rows],
        refused=[row.refused for row in rows],
        silent=[row.silent for row in rows],
        first=[row.time for row in rows],
        last=[row.time for row in rows],
    )


def taken(origins: Origins) -> dict[str, Knock]:
    """Return what has changed, by origin."""
    found = origins.take()
    by_origin = {str(knock.origin): knock for knock in found}
    assert len(by_origin) == len(found)
    return by_origin


@dataclass
class Model:
    """What is known of one origin."""

    refused: int = 0
    silent: int = 0
    times: list[int] = field(default_factory=list)
    ends: set[End] = field(default_factory=set)

    def add(self, row: Tried) -> None:
        """Add one row."""
        self.refused += row.refused
        self.silent += row.silent
        self.times.append(row.time)
        self.ends.add(End(row.target, row.protocol, row.port))

    def agrees(self, knock: Knock) -> bool:
        """Return whether a knock says the same, and lists as many ends as it can."""
        hosts = len({end.address for end in self.ends})
        counts = (knock.refused, knock.silent, knock.first, knock.last, knock.hosts, knock.ports)
        listed = set(knock.targets)
        return (
            counts == (self.refused, self.silent, min(self.times), max(self.times), hosts, len(self.ends))
            and listed <= self.ends
            and len(knock.targets) == len(listed) == min(MOST_TARGETS, len(self.ends))
        )


ROWS = st.builds(
    Tried,
    origin=st.integers(0, 5).map(lambda number: IPv4Address(0xCB007100 + 200 * number)),
    port=st.integers(1, 40),
    target=st.sampled_from([HOST, IPv4Address("10.0.0.6")]),
    protocol=st.sampled_from([TCP, UDP]),
    refused=st.integers(0, 3),
    silent=st.integers(0, 3),
    time=st.integers(0, 100),
)


@given(st.lists(st.lists(ROWS, max_size=60), max_size=4))
def test_origins_are_counted_as_with_dictionaries(calls: list[list[Tried]]) -> None:
    """Counts, times, distinct hosts and ends of every origin are exact, in however many calls they come."""
    origins, model = Origins(512, 64), dict[str, Model]()
    for rows in calls:
        origins.add(attempts(*rows))
        changed = set()
        for row in rows:
            name = f"{row.origin}/32"
            changed.add(name)
            model.setdefault(name, Model()).add(row)

        found = taken(origins)
        assert set(found) == changed
        assert all(model[name].agrees(knock) for name, knock in found.items())


@pytest.mark.parametrize(
    ("first", "step", "prefix"),
    [
        (IPv4Address("203.0.113.0"), 1, "203.0.113.0/24"),
        (IPv6Address("2001:db8:1:2::"), 0x1234567, "2001:db8:1:2::/64"),
    ],
)
@pytest.mark.parametrize("size", [1, 17, 256])
def test_more_than_sixty_four_origins_of_a_prefix_are_summed_up(
    first: Address, step: int, prefix: str, size: int
) -> None:
    """The first 64 have counts of their own and keep them, all others are one origin; other prefixes have their own."""
    target = HOST if isinstance(first, IPv4Address) else IPv6Address("2001:db8::5")
    origins = Origins(4_096, 64)
    rows = [Tried(first + number * step, target=target) for number in range(256)]
    for start in range(0, len(rows), size):
        origins.add(attempts(*rows[start : start + size]))
    origins.add(attempts(Tried(first + 2**70 if first.version == 6 else first + 256, target=target)))

    found = taken(origins)
    summed = found.pop(prefix)
    assert (summed.silent, summed.hosts, summed.ports) == (192, 1, 1)
    assert {knock.silent for knock in found.values()} == {1}
    assert Counter(knock.origin.subnet_of(ip_network(prefix)) for knock in found.values()) == {True: 64, False: 1}  # type: ignore[arg-type] # one family

    again = [knock.origin.network_address for knock in found.values()]
    origins.add(attempts(*(Tried(address, target=target) for address in again)))
    assert {knock.silent for knock in taken(origins).values()} == {2}


def test_where_the_table_is_full_new_origins_are_summed_up_and_known_ones_keep_their_counts() -> None:
    """Nothing that was counted is lost, as long as there is room for the prefixes."""
    origins = Origins(64, 16_384)
    known = [Tried(IPv4Address(0x20000000 + 65_536 * number)) for number in range(20)]
    origins.add(attempts(*known))
    before = taken(origins)
    origins.add(attempts(*(Tried(IPv4Address(0x30000000 + 300 * number)) for number in range(1_000))))
    origins.add(attempts(*known))

    found = taken(origins)
    assert sum(knock.silent for knock in found.values()) + origins.lost == 1_000 + 2 * 20
    assert origins.lost == 0
    assert sum(knock.origin.prefixlen == 32 for knock in found.values()) <= 64
    assert {name: found[name].silent for name in before if name.endswith("/32")} == {
        name: 2 for name in before if name.endswith("/32")
    }


def test_attempts_that_find_no_place_are_counted_as_lost() -> None:
    """With room for 8 origins and 8 prefixes, of a thousand from as many prefixes 16 remain."""
    origins = Origins(8, 8)
    origins.add(attempts(*(Tried(IPv4Address(0x30000000 + 300 * number)) for number in range(1_000))))

    found = taken(origins)
    assert len(found) == 16
    assert sum(knock.silent for knock in found.values()) + origins.lost == 1_000


def test_hosts_and_ends_are_counted_up_to_a_bound_and_the_first_ends_are_listed() -> None:
    """Of 3,000 ends of 2,000 hosts 1,024 are told apart, and 32 listed: the first in time; repetitions count once."""
    origins = Origins(4_096, 64)
    scanner = IPv4Address("203.0.113.9")
    rows = [Tried(scanner, 1 + number, HOST + number % 2_000, time=10_000 - number) for number in range(3_000)]
    origins.add(attempts(*rows[2_000:]))
    first = taken(origins)["203.0.113.9/32"]
    origins.add(attempts(*rows[2_000:]))
    again = taken(origins)["203.0.113.9/32"]
    origins.add(attempts(*rows))

    knock = taken(origins)["203.0.113.9/32"]
    assert (first.hosts, first.ports) == (again.hosts, again.ports) == (1_000, 1_000)
    assert (knock.hosts, knock.ports, knock.silent) == (MOST_DISTINCT, MOST_DISTINCT, 5_000)
    assert knock.targets == first.targets == tuple(End(HOST + n % 2_000, TCP, 1 + n) for n in range(2_999, 2_967, -1))


def test_an_origin_that_comes_back_after_a_day_begins_anew() -> None:
    """Its counts, hosts and ends are those since then."""
    origins = Origins(8, 8)
    scanner = IPv4Address("203.0.113.9")
    origins.add(attempts(Tried(scanner, 1), Tried(scanner, 2)))
    origins.add(attempts(Tried(scanner, 1, time=2 * SECOND + LIFETIME)))

    knock = taken(origins)["203.0.113.9/32"]
    assert (knock.first, knock.silent, knock.hosts, knock.ports) == (2 * SECOND + LIFETIME, 1, 1, 1)
    assert knock.targets == (End(HOST, TCP, 1),)


def test_a_prefix_that_was_forgotten_begins_anew() -> None:
    """What it tried before does not count, but what it tries again does."""
    origins = Origins(8, 8)
    origins.add(attempts(*(Tried(IPv4Address(0x30000000 + 300 * number)) for number in range(8))))
    late = Tried(IPv4Address("203.0.113.9"), time=2 * SECOND)
    origins.add(attempts(late))
    for number in range(20):
        origins.add(attempts(Tried(IPv4Address(0x40000000 + 300 * number), time=(3 + number) * SECOND)))
    taken(origins)
    origins.add(attempts(Tried(late.origin, time=30 * SECOND)))

    knock = taken(origins)["203.0.113.0/24"]
    assert (knock.first, knock.silent, knock.hosts, knock.ports) == (30 * SECOND, 1, 1, 1)


def test_only_what_has_changed_is_taken() -> None:
    """An origin is taken once for any number of attempts, and again after another one."""
    origins = Origins(64, 64)
    one, other = Tried(IPv4Address("203.0.113.9")), Tried(IPv4Address("198.51.100.7"), refused=1)
    origins.add(attempts(one, other, one))
    assert set(taken(origins)) == {"203.0.113.9/32", "198.51.100.7/32"}
    origins.add(attempts(other))
    assert set(taken(origins)) == {"198.51.100.7/32"}
    origins.add(attempts())
    assert taken(origins) == {}


def in_words(values: Sequence[int]) -> list[int]:
    """Return what `ranks` returns, in plain Python."""
    return [values[:place].count(value) for place, value in enumerate(values)]


@given(st.lists(st.integers(0, 5)).map(sorted))
def test_ranks_count_the_equal_elements_before(values: list[int]) -> None:
    """Neighbours that are equal have ranks from 0."""
    assert ranks(np.array(values, np.int64)).tolist() == in_words(values)
