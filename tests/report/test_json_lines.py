"""Rows as JSON lines, compared with the general encoder."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shodohflo.keys.detail import ProtocolSum
from shodohflo.query.rows import ClientRow, FlowRow, KnockRow, KnockTarget, ListedRow, PeerRow, ReconRow, ServiceRow
from shodohflo.report.json_lines import json_line
from support.observing import ADDRESSES, PORTS
from support.rows import FLOW

if TYPE_CHECKING:
    from shodohflo.model import Address

TIMES = st.none() | st.floats(min_value=0, max_value=253_402_300_800) | st.integers(0, 10**16).map(lambda n: n / 10**6)
TEXTS = st.text(max_size=20) | st.just('"%s"\\\x1b\ud800')
COUNTS = st.integers(0, 2**63 - 1)

FLOWS = st.builds(
    FlowRow,
    client=ADDRESSES,
    service=ADDRESSES,
    port=PORTS,
    octets=st.none() | COUNTS,
    first=TIMES,
    last=TIMES,
    protocols=st.lists(st.builds(ProtocolSum, TEXTS, COUNTS, COUNTS), max_size=2).map(tuple),
    rule=TEXTS,
    sentence=TEXTS,
    evidence=TEXTS,
    corrected=TIMES,
    agents=st.lists(TEXTS, max_size=2).map(tuple),
    packets=COUNTS,
    age=TIMES,
    expires_in=TIMES,
    stores=st.lists(TEXTS, max_size=2).map(tuple),
)


@given(FLOWS)
@example(replace(FLOW, age=1e-7, first=5e-324, last=0.0000005, expires_in=0.1 + 0.2))
def test_a_line_is_what_the_general_encoder_writes(row: FlowRow) -> None:
    """Every flow is the same text both ways, to the last decimal and escape."""
    assert json_line(row) == json.dumps(row.as_dict())


BERT: Address = ip_address("10.0.0.1")
OUTSIDE: Address = ip_address("2001:db8::1")


@pytest.mark.parametrize(
    "row",
    [
        PeerRow(address=BERT, peer=OUTSIDE, packets=7, age=1.5, expires_in=None, stores=("one",)),
        ClientRow(client=OUTSIDE, packets=7, age=None, expires_in=9.25, stores=("one", "two")),
        ReconRow(
            kind="rst",
            client=BERT,
            remote=OUTSIDE,
            client_port=4711,
            remote_port=23,
            code=None,
            packets=1,
            age=0.0,
            expires_in=900.0,
            stores=(),
        ),
        ServiceRow(
            address=OUTSIDE,
            port=443,
            protocol="tcp",
            evidence="handshake",
            clients=1000,
            first=1.25,
            last=2.0,
            new=True,
            gone=False,
            agents=("bert",),
            age=0.0,
            expires_in=900.0,
            stores=("one",),
        ),
        *(
            KnockRow(
                origin=ip_network(origin),
                refused=1,
                silent=15,
                hosts=1,
                ports=16,
                first=1.25,
                last=2.0,
                targets=(KnockTarget(BERT, "tcp", 22, 2.0), KnockTarget(OUTSIDE, "udp", 53, 1.25)),
                agents=("bert",),
                age=0.0,
                expires_in=None,
                stores=("one",),
            )
            for origin in ("203.0.113.9", "203.0.113.0/24", "2001:db8::/64", "::ffff:1.2.3.4")
        ),
    ],
)
def test_all_kinds_of_rows_have_lines(row: ListedRow) -> None:
    """Pairs, clients, services and failed attempts too are what the general encoder writes."""
    assert json_line(row) == json.dumps(row.as_dict())
