"""The pieces of the address space agree with the readable enumeration for every address."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.analysis.check.space import BITS, Space, address_of
from shodohflo.pcap_config import OUR_4NETS, NetworkEnumeration
from support.rule_sets import RuleSet, our_nets, rule_sets
from support.subjects import OURS_ARE, is_ours

if TYPE_CHECKING:
    from shodohflo.columns.batch import Family


@given(rule_sets(), st.sampled_from([4, 6]))
def test_every_address_is_in_the_piece_of_its_first_holder(rule_set: RuleSet, family: Family) -> None:
    """The pieces agree with `NetworkEnumeration.find` at and beside all edges."""
    enumeration = rule_set.enumeration()
    space = Space.cut(enumeration, OURS_ARE)

    for address in rule_set.addresses(family):
        (piece,) = [p for p in space.pieces if p.version == family and p.first <= int(address) <= p.last]
        place = enumeration.find(address)
        assert (piece.claim and (piece.claim.entry, piece.claim.name)) == (place and (place.entry, place.name))
        assert piece.is_ours == is_ours(address)
        assert piece.claim is None or address in piece.claim.prefix


@given(rule_sets(), st.sampled_from([4, 6]))
def test_the_pieces_of_a_family_are_all_its_addresses(rule_set: RuleSet, family: Family) -> None:
    """The pieces are in order, without gaps and without overlap."""
    pieces = [piece for piece in Space.cut(rule_set.enumeration(), OURS_ARE).pieces if piece.version == family]

    assert pieces[0].first == 0
    assert pieces[-1].last == 2 ** BITS[family] - 1
    assert [piece.last + 1 for piece in pieces[:-1]] == [piece.first for piece in pieces[1:]]


@given(rule_sets())
def test_a_prefix_is_cut_as_all_addresses_are(rule_set: RuleSet) -> None:
    """The pieces of a prefix are the pieces of the whole space, cut to it."""
    space = Space.cut(rule_set.enumeration(), OURS_ARE)

    for claim in space.claims:
        within = space.within(claim.prefix)
        assert sum(piece.size for piece in within) == claim.prefix.num_addresses
        assert {id(piece.claim) for piece in within} == {
            id(piece.claim)
            for piece in space.pieces
            if piece.version == claim.prefix.version
            and piece.first <= int(claim.prefix[-1])
            and piece.last >= int(claim.prefix[0])
        }


@pytest.mark.parametrize(
    ("prefix", "examples"),
    [
        ("0.0.0.0/0", ("198.51.100.9", "203.0.113.7")),
        ("198.51.100.0/24", ("198.51.100.9", "198.51.100.1")),
        ("10.0.0.0/24", ("10.0.0.1", "10.0.0.2")),
        ("10.0.0.4/31", ("10.0.0.5", "10.0.0.4")),
        ("10.0.0.1/32", ("10.0.0.1", "10.0.0.1")),
        ("::/0", ("2001:db8::9", "2001:db8:ffff::7")),
        ("fd00::/64", ("fd00::1", "fd00::2")),
    ],
)
def test_examples_are_addresses_that_people_know(prefix: str, examples: tuple[str, str]) -> None:
    """Documentation addresses come first, then host addresses rather than the network address."""
    space = Space.cut(NetworkEnumeration(("a", prefix)), ())

    (piece,) = space.within(ip_network(prefix))

    assert tuple(map(str, piece.examples())) == examples


def test_a_claim_says_how_its_prefix_came_in() -> None:
    """A claim by OUR_4NETS or OUR_6NETS shows that name."""
    with our_nets("192.168.0.0/16"):
        space = Space.cut(NetworkEnumeration(("ours", OUR_4NETS), ("rest", "0.0.0.0/0")), ())

    assert [str(claim) for claim in space.claims] == ["192.168.0.0/16 (OUR_4NETS)", "0.0.0.0/0"]
    assert space.claims[1].place == "NETWORK_ENUMERATION[1]"


def test_the_foremost_piece_is_one_with_known_addresses() -> None:
    """A piece with documentation addresses is preferred, however small it is."""
    space = Space.cut(NetworkEnumeration(("a", "10.0.0.0/8"), ("b", "203.0.113.0/24")), ())
    claimed = [piece for piece in space.pieces if piece.claim]

    assert str(address_of(4, Space.foremost(claimed).first)) == "203.0.113.0"
    assert Space.foremost(claimed[:1]).examples()[0] == IPv4Address("10.0.0.1")
