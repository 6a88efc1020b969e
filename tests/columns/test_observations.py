"""Observations: the roles of their columns, and rows of both families in one table."""

from __future__ import annotations

from ipaddress import ip_address

from shodohflo.columns.observations import Observations
from shodohflo.columns.table import Role
from shodohflo.model import Kind
from support.observing import Seen, flow, observed


def test_each_column_has_the_role_that_recording_needs() -> None:
    """The parts of the key and the rule are key columns; counts are summed, and the time span is widened."""
    roles = {role: [each.name for each in Observations.columns if each.role is role] for role in Role}

    assert roles == {
        Role.KEY: ["kind", "client", "remote", "client_port", "port", "protocol", "code", "rule", "rung"],
        Role.SUM: ["packets", "octets"],
        Role.EARLIEST: ["first"],
        Role.LATEST: ["last"],
        Role.ANY: [],
    }


def test_rows_of_both_families_and_mixed_ones_stand_in_one_table() -> None:
    """One table holds rows of both families, and rows that mix them, as custom actions may."""
    four, six = ip_address("10.0.0.1"), ip_address("2001:db8::1")
    rows = Observations.concatenate([observed(Seen(four, four, 53)), observed(Seen(six, six, 53), Seen(four, six, 53))])

    assert rows.client.objects() == [four, six, four]
    assert rows.remote.objects() == [four, six, six]


def test_choosing_rows_chooses_their_addresses_too() -> None:
    """Choosing rows also chooses those of the nested tables of addresses."""
    rows = observed(flow("10.0.0.1", "10.0.0.9", 53), flow("10.0.0.2", "10.0.0.8", 443))

    chosen = rows.keep(rows.port == 443)

    assert (chosen.client.texts(), chosen.remote.texts()) == (["10.0.0.2"], ["10.0.0.8"])


def test_the_kinds_fit_their_column() -> None:
    """Every kind fits into one byte, because larger values would wrap around silently."""
    assert observed(*(Seen(ip_address("::1"), ip_address("::2"), 1, kind=kind) for kind in Kind)).kind.tolist() == [
        *Kind
    ]
