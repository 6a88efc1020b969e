"""Columns of addresses give the same objects and texts as `ipaddress`."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shodohflo.columns.addresses import Addresses
from shodohflo.model import Address, address_text
from support.observing import ADDRESSES


@given(st.lists(ADDRESSES))
@example([IPv6Address(0), IPv6Address(1), IPv6Address(2**128 - 1), IPv6Address(1 << 112)])
@example([IPv4Address(0), IPv4Address(2**32 - 1)])
def test_texts_and_objects_agree_with_ipaddress(addresses: list[Address]) -> None:
    """Formatting a column gives the same texts as formatting each address."""
    column = Addresses.from_objects(addresses)

    assert column.objects() == addresses
    assert column.texts() == [address_text(address) for address in addresses]


@pytest.mark.parametrize("zeros", range(256))
def test_every_pattern_of_zero_fields_is_shortened_as_ipaddress_does_it(zeros: int) -> None:
    """`::` replaces the first of the longest runs of zero fields, and never a single one."""
    number = sum(0x10 << 16 * (7 - field) for field in range(8) if not zeros & 0x80 >> field)

    texts = Addresses.from_objects([IPv6Address(number)]).texts()

    assert texts == [str(IPv6Address(number))]


def test_ipv4_mapped_addresses_end_in_dotted_decimal() -> None:
    """IPv4-mapped addresses end in dotted decimal (RFC 5952 section 5), whatever `str` does in this Python."""
    mapped = Addresses.from_objects([IPv6Address("::ffff:102:304")])

    assert mapped.texts() == ["::ffff:1.2.3.4"]


@given(st.lists(st.ip_addresses(v=4)), st.lists(st.ip_addresses(v=6)))
def test_columns_of_batches_hold_the_same_addresses(fours: list[IPv4Address], sixes: list[IPv6Address]) -> None:
    """Columns of both families convert to the addresses that they were made from, also concatenated."""
    four = Addresses.from_column(4, np.array([int(address) for address in fours], np.uint32))
    six = Addresses.from_column(6, np.array([address.packed for address in sixes], "S16"))

    both = Addresses.concatenate([four, six])

    assert both.objects() == [*fours, *sixes]
    assert len(both) == len(fours) + len(sixes)
    assert both[::-1].objects() == [*fours, *sixes][::-1]


def test_the_example_of_the_module_is_true() -> None:
    """The three addresses of the module's docstring have the halves that it gives."""
    texts = ["10.0.0.1", "2001:db8:0:1::1", "::ffff:10.0.0.1"]

    column = Addresses.from_objects(map(ip_address, texts))

    assert column.version.tolist() == [4, 6, 6]
    assert column.high.tolist() == [0, 0x20010DB800000001, 0]
    assert column.low.tolist() == [0x0A000001, 1, 0xFFFF0A000001]
    assert column.texts() == texts


def test_substitute_replaces_rows_in_a_copy() -> None:
    """The original column stays as it was, and the version changes with the address."""
    column = Addresses.from_objects(map(ip_address, ["10.0.0.1", "10.0.0.2", "10.0.0.3"]))

    changed = column.substitute(np.array([0, 2]), Addresses.from_objects(map(ip_address, ["::1", "10.0.0.9"])))

    assert changed.texts() == ["::1", "10.0.0.2", "10.0.0.9"]
    assert column.texts() == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
