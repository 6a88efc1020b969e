"""An address belongs to the first entry that holds it, both looked up singly and as part of a column."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.rules import networks
from shodohflo.rules.networks import (
    MOST_NETWORKS,
    OUR_4NETS,
    OUR_6NETS,
    Entry,
    NetworkEnumeration,
    NetworkTable,
    Place,
    forgotten_length,
    update_our_nets,
)
from support.rule_sets import RuleSet, batch_of, first_holder, our_nets, prefixes, rule_sets

if TYPE_CHECKING:
    from shodohflo.columns.batch import Family
    from shodohflo.model import Address


def column(family: Family, addresses: list[Address]) -> Any:  # noqa: ANN401 - the type depends on the family
    """Return addresses as a column of a `Batch`."""
    return batch_of(family, [(address, 1, address, 1) for address in addresses]).src_addr


@given(rule_sets(), st.sampled_from([4, 6]))
def test_the_table_agrees_with_the_ordered_list(rule_set: RuleSet, family: Family) -> None:
    """The compiled table gives the same networks as the ordered list, also at the edges of all prefixes."""
    enumeration = rule_set.enumeration()
    addresses = rule_set.addresses(family)

    found = NetworkTable.compile(enumeration).find(column(family, addresses))

    assert found.dtype == np.uint16
    assert found.tolist() == [enumeration.network(address) or 0 for address in addresses]


@given(rule_sets(), st.sampled_from([4, 6]))
def test_counting_gives_the_same_answers_as_searching(rule_set: RuleSet, family: Family) -> None:
    """The method for long columns and short tables gives the same networks as the binary search."""
    table = NetworkTable.compile(rule_set.enumeration())
    addresses = column(family, rule_set.addresses(family))
    searched = table.find(addresses)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "MANY_ROWS", 0)
        counted = table.find(addresses)

    assert counted.dtype == np.uint16
    assert counted.tolist() == searched.tolist()


@given(rule_sets(), st.sampled_from([4, 6]))
def test_the_first_entry_that_holds_an_address_has_it(rule_set: RuleSet, family: Family) -> None:
    """`network` and `find` agree with an independent search for the first entry."""
    enumeration = rule_set.enumeration()

    for address in rule_set.addresses(family):
        name, place = first_holder(rule_set, address), enumeration.find(address)

        assert enumeration.network(address) == (None if name is None else enumeration.network_id[name])
        assert (place and place.name) == name
        assert place is None or address in place.prefix
        assert place is None or str(place.prefix) in rule_set.entries[place.entry][1]


@given(st.lists(prefixes()), st.sampled_from([4, 6]))
def test_a_bare_list_of_prefixes_tells_inside_from_outside(texts: list[str], family: Family) -> None:
    """`of_prefixes` gives 1 for addresses in any of the prefixes, whatever their order and overlaps."""
    held = [ip_network(text) for text in texts]
    addresses = RuleSet((("all", tuple(texts)),), ()).addresses(family)

    found = NetworkTable.of_prefixes(held).find(column(family, addresses))

    assert found.tolist() == [int(any(address in prefix for prefix in held)) for address in addresses]


def test_names_are_numbered_in_order_of_first_appearance() -> None:
    """Two entries with the same name are one network, and each keeps its position."""
    enumeration = NetworkEnumeration(
        ("b", "10.0.0.1/32"), ("a", "10.0.0.0/24"), ("b", "10.0.0.0/8", "2001:db8::/32"), ("none",)
    )

    assert dict(enumeration.network_id) == {None: 0, "b": 1, "a": 2, "none": 3}
    found = [enumeration.network(ip_address(text)) for text in ("10.0.0.1", "10.0.0.2", "10.9.9.9", "2001:db8::", "::")]
    assert found == [1, 2, 1, 1, None]


def test_the_place_tells_which_entry_and_which_prefix_hold_an_address() -> None:
    """`find` returns the number and the prefix of the entry that holds an address, not just its network."""
    enumeration = NetworkEnumeration(("a", "10.0.0.1/32"), ("b", "192.0.2.0/24"), ("a", "::/0", "10.0.0.0/8"))

    place = enumeration.find(IPv4Address("10.0.0.2"))

    assert place == Place(2, "a", IPv4Network("10.0.0.0/8"))


def test_an_ipv4_prefix_does_not_hold_mapped_addresses() -> None:
    """An IPv4-mapped address such as `::ffff:10.0.0.1` is an IPv6 address and in no IPv4 prefix."""
    enumeration = NetworkEnumeration(("v4", "0.0.0.0/0"))

    assert enumeration.network(ip_address("::ffff:10.0.0.1")) is None


def test_prefixes_are_whatever_ip_network_takes() -> None:
    """A prefix may be a network object, an address without a length, an address with a netmask, or a pair."""
    given_forms = (IPv4Network("10.0.0.0/8"), "192.0.2.1", "10.0.0.0/255.0.0.0", ("10.0.0.0", 8), IPv6Network("::/0"))

    entry = NetworkEnumeration(["a", *given_forms]).entries[0]

    assert entry.prefixes == tuple(ip_network(form) for form in given_forms)


NO_PREFIX = "is not a prefix; write one like '192.0.2.0/24' or '2001:db8::/32'"

MALFORMED = [
    ((("a", "10.0.0.0/8"), ("bert", "10.0.0.1/8")), "[1] 'bert': '10.0.0.1/8' has host bits set; write '10.0.0.0/8'"),
    ((("bert", "10.0.0.0/33"),), f"[0] 'bert': '10.0.0.0/33' {NO_PREFIX}"),
    ((("bert", None),), f"[0] 'bert': None {NO_PREFIX}"),
    ((("bert", ["10.0.0.0/8"]),), f"[0] 'bert': ['10.0.0.0/8'] {NO_PREFIX}"),
    ((("bert", ()),), f"[0] 'bert': () {NO_PREFIX}"),
    ((("bert", "2001:db8::1/64"),), "[0] 'bert': '2001:db8::1/64' has host bits set; write '2001:db8::/64'"),
    (("bert",), "[0]: 'bert' is not an entry; write ('name', 'prefix', ...)"),
    ((("a",), ()), "[1]: () is not an entry; write ('name', 'prefix', ...)"),
    ((None,), "[0]: None is not an entry; write ('name', 'prefix', ...)"),
    (((None, "10.0.0.0/8"),), "[0]: None is not a name; write ('name', 'prefix', ...)"),
]


@pytest.mark.parametrize(("entries", "message"), MALFORMED)
def test_a_malformed_entry_is_an_error_that_says_which(entries: tuple[object, ...], message: str) -> None:
    """The message names the entry, what is wrong with it, and what to write instead."""
    with pytest.raises(ValueError, match="NETWORK_ENUMERATION") as caught:
        NetworkEnumeration(*entries)

    assert str(caught.value) == f"NETWORK_ENUMERATION{message}"


def test_too_many_names_are_an_error() -> None:
    """More names than fit in 16 bits are an error."""
    with pytest.raises(ValueError, match="65535 names are too many"):
        NetworkEnumeration(*((str(n),) for n in range(MOST_NETWORKS + 1)))


def test_our_networks_are_looked_up_when_they_are_needed() -> None:
    """An unbound enumeration uses the networks that `update_our_nets` sets later, beside its plain prefixes."""
    enumeration = NetworkEnumeration(("ours", OUR_4NETS, OUR_6NETS, "203.0.113.0/24"))
    seen = [ip_address(text) for text in ("192.168.1.1", "172.16.0.1", "2001:db8::1", "203.0.113.1", "127.0.0.1")]

    with our_nets("192.168.0.0/16", "2001:db8::/32", "172.16.0.0/12"):
        found = [enumeration.network(address) for address in seen]

    assert found == [1, 1, 1, 1, None]


def test_a_compiled_table_keeps_the_networks_it_was_made_with() -> None:
    """`update_our_nets` does not change a table that is already compiled."""
    enumeration = NetworkEnumeration(("ours", OUR_4NETS))
    with our_nets("192.168.0.0/16"):
        table = NetworkTable.compile(enumeration)

    with our_nets("10.0.0.0/8"):
        found = table.find(column(4, [ip_address("192.168.0.1"), ip_address("10.0.0.1")]))

    assert found.tolist() == [1, 0]


def test_updating_replaces_only_the_families_it_names() -> None:
    """`update_our_nets` takes one network, as text or as an object, or any iterable of networks."""
    with our_nets("10.0.0.0/8", "fd00::/8"):
        update_our_nets("192.168.0.0/16")
        assert (OUR_4NETS.prefixes, OUR_6NETS.prefixes) == (
            (IPv4Network("192.168.0.0/16"),),
            (IPv6Network("fd00::/8"),),
        )

        update_our_nets(IPv6Network("2001:db8::/32"))
        assert (OUR_4NETS.prefixes, OUR_6NETS.prefixes) == (
            (IPv4Network("192.168.0.0/16"),),
            (IPv6Network("2001:db8::/32"),),
        )

        update_our_nets(iter(["10.0.0.0/8", IPv4Address("192.0.2.1")]))
        assert OUR_4NETS.prefixes == (IPv4Network("10.0.0.0/8"), IPv4Network("192.0.2.1/32"))

        update_our_nets([])
        assert OUR_4NETS.prefixes == (IPv4Network("10.0.0.0/8"), IPv4Network("192.0.2.1/32"))


def test_an_update_with_an_error_changes_nothing() -> None:
    """An invalid second prefix leaves the first one unset too."""
    with our_nets("10.0.0.0/8"):
        with pytest.raises(ValueError, match=r"'192\.168\.1\.5/24' has host bits set; write '192\.168\.1\.0/24'"):
            update_our_nets(["172.16.0.0/12", "192.168.1.5/24"])

        assert OUR_4NETS.prefixes == (IPv4Network("10.0.0.0/8"),)


def test_unbound_our_networks_are_loopback_and_unique_local() -> None:
    """OUR_4NETS stands for 127.0.0.0/24 and OUR_6NETS for fc00::/7 in a fresh interpreter."""
    program = "from shodohflo.rules.networks import *; print(OUR_4NETS.prefixes, OUR_6NETS.prefixes)"

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert printed == "(IPv4Network('127.0.0.0/24'),) (IPv6Network('fc00::/7'),)\n"


def test_entries_remember_that_they_were_written_with_our_networks() -> None:
    """A parsed entry keeps the placeholder itself, so that entries swallowed by derived networks can be found."""
    entry = Entry.parse(("ours", OUR_4NETS, "10.0.0.0/8"))

    assert OUR_4NETS in entry.given
    assert repr(entry.given) == "(OUR_4NETS, IPv4Network('10.0.0.0/8'))"


def test_ten_thousand_prefixes_compile_quickly() -> None:
    """Ten thousand prefixes compile to one segment for each change of network."""
    enumeration = NetworkEnumeration(
        ("even", *(f"10.{n >> 8}.{n & 255}.0/24" for n in range(0, 20_000, 2))), ("rest", "10.0.0.0/8", "11.0.0.0/8")
    )

    table = NetworkTable.compile(enumeration).v4

    assert len(table.starts) == 20_000 + 2


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("192.168.0.0", "192.168.0.0/16"),
        ("192.168.7.0", "192.168.7.0/24"),
        ("11.0.0.0", "11.0.0.0/8"),
        ("172.16.0.0", "172.16.0.0/12"),
        ("0.0.0.0", "0.0.0.0/0"),
        ("2001:db8::", "2001:db8::/32"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:0::", "2001:db8:1::/48"),
        ("fd00::", "fd00::/8"),
        ("::", "::/0"),
        (ip_address("10.0.0.0"), "10.0.0.0/8"),
    ],
)
def test_an_address_that_ends_in_zeros_is_probably_a_network(written: object, meant: str) -> None:
    """The network that was meant ends where the zeros begin, or is a well-known block."""
    assert forgotten_length(written) == ip_network(meant)


@pytest.mark.parametrize(
    "written", ["192.168.0.1", "10.0.0.0/32", "10.0.0.0/8", "::1", "2001:db8:1:2:3::", "bert", "", 7, None, OUR_4NETS]
)
def test_hosts_and_prefixes_with_a_length_are_what_they_say(written: object) -> None:
    """An address of a host, a prefix with its length, and whatever is no address are not guessed about."""
    assert forgotten_length(written) is None
