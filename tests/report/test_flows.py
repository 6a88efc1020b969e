"""Flows of observations become the same rows as flows that are read from a store."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.detail import ProtocolSum
from shodohflo.model import UDP, Kind, Rung
from shodohflo.query.rows import COMMON, FlowRow
from shodohflo.query.sums import join_flows
from shodohflo.report.flows import flow_rows
from support.observing import SEEN, Seen, observed

SENTENCES = ["the first rule", "the second rule"]
DNS = Seen(ip_address("192.0.2.1"), ip_address("198.51.100.1"), 53, packets=1, octets=100, first=3, last=4)


def test_protocols_and_rules_of_a_flow_are_put_together() -> None:
    """A flow of TCP and UDP, decided by several rules, is one row with the rule of its last packet."""
    seen = observed(replace(DNS, protocol=UDP, rule=1, packets=3, octets=300, first=5, last=8), DNS)

    (flow,) = flow_rows(seen, SENTENCES)

    assert (flow.packets, flow.octets, flow.first, flow.last) == (4, 400, 3e-9, 8e-9)
    assert flow.protocols == (ProtocolSum("tcp", 1, 100), ProtocolSum("udp", 3, 300))
    assert (flow.rule, flow.sentence) == ("FLOW_MAPPING[1]", "the second rule")


def test_a_flow_has_the_evidence_of_its_latest_packet() -> None:
    """Rows of one flow with other rungs are one row, with the rung of the last packet, whatever their order."""
    guessed = replace(DNS, rung=Rung.GUESSED, last=4)
    shown = replace(DNS, rung=Rung.ONE_WAY_CHURN, first=5, last=9)

    for rows in ((guessed, shown), (shown, guessed)):
        (flow,) = flow_rows(observed(*rows), SENTENCES)
        assert (flow.evidence, flow.packets) == ("one-way churn", 2)


def test_what_only_a_store_knows_is_empty() -> None:
    """Age and expiry are None, stores and agents are empty, and so is the sentence of an unknown rule."""
    (flow,) = flow_rows(observed(replace(DNS, rule=7)), SENTENCES)

    assert (flow.age, flow.expires_in, flow.stores, flow.agents, flow.sentence) == (None, None, (), (), "")
    assert list(flow.as_dict()) == [*(f.name for f in fields(FlowRow) if f.name not in COMMON), *COMMON]


@given(st.lists(SEEN, max_size=12))
def test_no_packet_of_a_flow_is_lost_or_counted_twice(rows: list[Seen]) -> None:
    """The rows have the sums of the flow observations; observations of other kinds are left out."""
    flows = flow_rows(observed(*rows))

    wanted = [row for row in rows if row.kind == Kind.FLOW]
    assert sum(flow.packets for flow in flows) == sum(row.packets for row in wanted)
    assert sum(flow.octets or 0 for flow in flows) == sum(row.octets for row in wanted)
    assert {(flow.client, flow.service, flow.port) for flow in flows} == {
        (row.client, row.remote, row.port) for row in wanted
    }
    assert [flow.packets for flow in flows] == sorted((flow.packets for flow in flows), reverse=True)


@given(st.integers(1, 5), st.integers(1, 5))
def test_showing_twice_and_joining_is_showing_once(first: int, second: int) -> None:
    """Rows joined with `join_flows`, as in the live table, are equal to the row of all observations together."""
    one, other = replace(DNS, packets=first, octets=60), replace(DNS, packets=second, octets=40, rule=1, last=9)

    (apart,) = [join_flows([*flow_rows(observed(one)), *flow_rows(observed(other))])]

    assert [apart] == flow_rows(observed(one, other))
