"""Columns of addresses say the same as `ipaddress` objects do."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

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
    """The quick way to write a column gives what the plain way gives address by address."""
    column = Addresses.from_objects(addresses)

    assert column.objects() == addresses
    assert column.texts() == [address_text(address) for address in addresses]


@pytest.mark.parametrize("zeros", range(256))
def test_every_pattern_of_zero_fields_is_shortened_as_ipaddress_does_it(zeros: int) -> None:
    """`::` stands for the first of the longest runs of zeros, and never for a single one."""
    number = sum(0x10 << 16 * (7 - field) for field in range(8) if not zeros & 0x80 >> field)

    texts = Addresses.from_objects([IPv6Address(number)]).texts()

    assert texts == [str(IPv6Address(number))]


def test_ipv4_mapped_addresses_end_in_dotted_decimal() -> None:
    """RFC 5952 section 5, whatever this Python's `str` says."""
    mapped = Addresses.from_objects([IPv6Address("::ffff:102:304")])

    assert mapped.texts() == ["::ffff:1.2.3.4"]


@given(st.lists(st.ip_addresses(v=4)), st.lists(st.ip_addresses(v=6)))
def test_columns_of_batches_hold_the_same_addresses(fours: list[IPv4Address], sixes: list[IPv6Address]) -> None:
    """Both families' columns, put one after the other, are the addresses that went in."""
    four = Addresses.from_column(4, np.array([int(address) for address in fours], np.uint32))
    six = Addresses.from_column(6, np.array([address.packed for address in sixes], "S16"))

    both = Addresses.concatenate([four, six])

    assert both.objects() == [*fours, *sixes]
    assert len(both) == len(fours) + len(sixes)
    assert both[::-1].objects() == [*fours, *sixes][::-1]
