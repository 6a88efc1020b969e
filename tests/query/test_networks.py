"""Networks by name: the addresses that the rules would put into them."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.networks import PublishedNetwork, to_fields
from shodohflo.query.filters import AddressSet
from shodohflo.query.networks import NetworkDirectory
from shodohflo.query.rows import AgentRow
from shodohflo.rules.networks import NetworkEnumeration

if TYPE_CHECKING:
    from shodohflo.model import Address, Network

NOTES = (
    PublishedNetwork("our_nets", (ip_network("192.168.0.0/16"), ip_network("fc00::/7"))),
    PublishedNetwork("bert", (ip_network("10.0.0.1/32"),)),
    PublishedNetwork("ernie", (ip_network("10.0.0.2/32"),)),
    PublishedNetwork("external", (ip_network("0.0.0.0/0"), ip_network("::/0"))),
)


def agent(name: str, *entries: PublishedNetwork) -> AgentRow:
    """Return the last heartbeat of an agent that publishes `entries`."""
    return AgentRow(name, "redis://somewhere", 3.0, {"received": "7", **to_fields(entries)})


def test_the_names_of_all_agents_are_known_once() -> None:
    """Names are in the order of the agents and their entries; an agent that publishes nothing adds nothing."""
    other = PublishedNetwork("guests", (ip_network("172.16.0.0/12"),))

    directory = NetworkDirectory.of([agent("bert", *NOTES), agent("old"), agent("ernie", other, NOTES[0])])

    assert directory.names == ["our_nets", "bert", "ernie", "external", "guests"]
    assert directory.prefixes("nobody") == ()


def test_a_name_means_different_addresses_to_different_agents() -> None:
    """What at least one agent calls by the name belongs to it."""
    one = PublishedNetwork("desks", (ip_network("10.1.0.0/25"),))
    two = PublishedNetwork("desks", (ip_network("10.1.0.128/25"), ip_network("::1/128")))

    found = NetworkDirectory.of([agent("a", one), agent("b", two)]).prefixes("desks")

    assert found == (ip_network("10.1.0.0/24"), ip_network("::1/128"))


def test_a_network_behind_one_that_takes_everything_has_no_addresses() -> None:
    """With 10.0.0.0/8 for our networks, bert and ernie are swallowed, as they are by the rules."""
    ours = PublishedNetwork("our_nets", (ip_network("10.0.0.0/8"),))

    assert NetworkDirectory.of([agent("bert", ours, *NOTES[1:])]).prefixes("bert") == ()


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.ip_addresses(), st.integers(0, 128)), max_size=6),
    st.lists(st.ip_addresses(), max_size=6),
)
def test_an_address_is_in_the_network_that_the_rules_find(
    entries: list[tuple[str, Address, int]], sample: list[Address]
) -> None:
    """For every name and address, the prefixes agree with `NetworkEnumeration.find`."""
    drawn = [(name, ip_network((at, length % (at.max_prefixlen + 1)), strict=False)) for name, at, length in entries]
    directory = NetworkDirectory.of([agent("a", *(PublishedNetwork(name, (prefix,)) for name, prefix in drawn))])
    enumeration = NetworkEnumeration(*drawn)
    edges = [prefix[place] for _, prefix in drawn for place in (0, -1)]

    for name in "abc":
        belonging: tuple[Network, ...] = directory.prefixes(name)
        for address in sample + edges:
            place = enumeration.find(address)
            assert (address in AddressSet.of(belonging)) == (place is not None and place.name == name)
