"""Batches and messages: the types of their columns, and the control bits of TCP."""

from __future__ import annotations

import numpy as np
import pytest

from shodohflo.columns.batch import ACK, ADDRESS, FIN, RST, SYN, Batch, Family, Messages, Quote
from shodohflo.columns.table import Role
from support.tables import as_rows, made


@pytest.mark.parametrize("family", [4, 6])
def test_all_addresses_of_a_family_have_its_type(family: Family) -> None:
    """All address columns of a family have the same type, so that they can be compared and concatenated."""
    batch, messages = Batch.empty(family), Messages.empty(family)

    columns = [batch.src_addr, batch.dst_addr, messages.src_addr, messages.dst_addr, messages.remote_addr]

    assert {column.dtype for column in columns} == {np.dtype(ADDRESS[family])}


def test_addresses_that_end_in_zeros_keep_them() -> None:
    """Addresses keep trailing zero bytes, which NumPy drops only when it makes a Python object."""
    address = bytes([0x20, 0x01, *bytes(14)])
    batch = made(Batch, 2, 6, src_addr=[address, address])

    assert batch.src_addr.tobytes() == 2 * address
    assert Batch.concatenate([batch, batch]).src_addr.tobytes() == 4 * address
    assert as_rows(batch)[0][0] == address


def test_the_family_stays_with_the_rows() -> None:
    """Choosing rows and concatenating them keep the family."""
    batch = Batch.zeros(3, 6)

    assert batch[1:].family == batch.keep(np.array([True, False, True])).family == 6
    assert Batch.concatenate([batch, batch]).family == 6


def test_packets_are_merged_by_addresses_ports_protocol_and_flags() -> None:
    """Counts are summed, and the time span is widened."""
    roles = {each.name: each.role for each in Batch.columns}

    assert [name for name, role in roles.items() if role is Role.KEY] == [
        "src_addr",
        "dst_addr",
        "src_port",
        "dst_port",
        "protocol",
        "tcp_flags",
        "number",
        "says",
    ]
    assert (roles["packets"], roles["octets"], roles["first"], roles["last"]) == (
        Role.SUM,
        Role.SUM,
        Role.EARLIEST,
        Role.LATEST,
    )


def test_control_bits_are_those_of_the_header() -> None:
    """RFC 9293 section 3.1: FIN is the lowest bit, then SYN, RST, PSH and ACK."""
    assert (FIN, SYN, RST, ACK) == (1 << 0, 1 << 1, 1 << 2, 1 << 4)


def test_a_message_without_a_quote_is_all_zeros() -> None:
    """A new table of messages is all zeros, which means `Quote.NONE`."""
    assert Messages.zeros(1, 4).quote.tolist() == [Quote.NONE]
