"""The vocabulary: addresses as text, keys as values, and words with explanations."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.model import (
    ICMP,
    ICMPV6,
    PROTOCOL_NAMES,
    TCP,
    UDP,
    ClientKey,
    Explained,
    FlowKey,
    Kind,
    PeerKey,
    address_text,
    covers,
    rule_number,
    rule_place,
)

if TYPE_CHECKING:
    from shodohflo.model import Address


class Fruit(Explained):
    """Two words with their explanations."""

    APPLE = "apple", "grows on trees"
    MELON = "melon", "grows on the ground"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("::ffff:c000:201", "::ffff:192.0.2.1"),
        ("::ffff:0.0.0.0", "::ffff:0.0.0.0"),
        ("::c000:201", "::c000:201"),  # IPv4-compatible, which RFC 4291 section 2.5.5.1 deprecates
    ],
)
def test_addresses_are_written_as_rfc_5952_says(written: str, text: str) -> None:
    """Address text is lower case, with the longest run of zeros shortened and mapped addresses in dotted decimal."""
    assert address_text(ip_address(written)) == text


@given(st.ip_addresses() | st.integers(0, 2**32 - 1).map(lambda low: IPv6Address(0xFFFF << 32 | low)))
def test_the_text_of_an_address_is_read_back_as_the_same_address(address: Address) -> None:
    """The text of an address parses to the same address, in both families and for mapped addresses."""
    assert ip_address(address_text(address)) == address


def test_a_word_that_explains_itself_is_still_a_string() -> None:
    """A word with an explanation is equal to its string, and usable as a key."""
    assert {"apple": 1, "melon": 2}[Fruit.MELON] == 2
    assert f"{Fruit.MELON}" == "melon"
    assert [fruit.explanation for fruit in Fruit] == ["grows on trees", "grows on the ground"]


def test_keys_are_equal_by_value_and_their_direction_matters() -> None:
    """Keys are equal by value, and a peer key and its reverse are two keys."""
    one, other = ip_address("192.0.2.1"), ip_address("2001:db8::1")

    assert len({FlowKey(one, other, 53), FlowKey(ip_address("192.0.2.1"), other, 53), FlowKey(one, other, 54)}) == 2
    assert PeerKey(one, other) != PeerKey(other, one)
    assert ClientKey(one) != ClientKey(other)


def test_every_recorded_protocol_has_a_name_of_its_own() -> None:
    """Every recorded protocol has a name of its own, because names are fields of the `detail` hash."""
    assert set(PROTOCOL_NAMES) == {ICMP, TCP, UDP, ICMPV6}
    assert len(set(PROTOCOL_NAMES.values())) == len(PROTOCOL_NAMES)


def test_kinds_are_numbered_from_zero() -> None:
    """Sums by kind are arrays with one place for each kind."""
    assert list(Kind) == list(range(len(Kind)))


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("10.0.0.0/8", "10.1.0.0/16", True),
        ("10.0.0.0/8", "10.0.0.0/8", True),
        ("10.1.0.0/16", "10.0.0.0/8", False),
        ("10.0.0.0/8", "11.0.0.0/16", False),
        ("::/0", "10.0.0.0/8", False),
        ("0.0.0.0/0", "2001:db8::/32", False),
        ("::/0", "2001:db8::/32", True),
    ],
)
def test_a_network_covers_itself_and_its_parts(outer: str, inner: str, expected: bool) -> None:  # noqa: FBT001 - a value of the table
    """A network covers itself and its subnets, and nothing of the other family."""
    assert covers(ip_network(outer), ip_network(inner)) is expected


@given(st.integers(0, 0xFFFF))
def test_the_place_of_a_rule_is_read_back_as_its_number(number: int) -> None:
    """The place of a rule, as in `detail` hashes, parses to the number of the rule."""
    assert rule_number(rule_place(number)) == number


@pytest.mark.parametrize(
    "text", ["", "FLOW_MAPPING[]", "FLOW_MAPPING[-1]", "FLOW_MAPPING[x]", "NETWORK_ENUMERATION[1]"]
)
def test_other_texts_are_no_place_of_a_rule(text: str) -> None:
    """Any other text is not the place of a rule."""
    assert rule_number(text) is None
