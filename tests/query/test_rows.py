"""Rows as objects for JSON."""

from __future__ import annotations

import json
from ipaddress import ip_address

from shodohflo.keys import ProtocolSum
from shodohflo.query.rows import AgentRow, FlowRow, PeerRow


def test_a_row_says_first_what_it_is_about() -> None:
    """A row has its own fields first; addresses are text, tuples lists, times rounded, and unknown values null."""
    row = FlowRow(
        client=ip_address("10.0.0.1"),
        service=ip_address("::ffff:1.2.3.4"),
        port=53,
        packets=3,
        octets=180,
        first=None,
        last=1.25,
        protocols=(ProtocolSum("udp", 3, 180),),
        rule="FLOW_MAPPING[0]",
        sentence="",
        evidence="one-way churn",
        corrected=None,
        agents=("bert",),
        age=0.1234567,
        expires_in=None,
        stores=("unix:///s",),
    )

    assert json.dumps(row.as_dict()) == json.dumps(
        {
            "client": "10.0.0.1",
            "service": "::ffff:1.2.3.4",
            "port": 53,
            "octets": 180,
            "first": None,
            "last": 1.25,
            "protocols": [{"protocol": "udp", "packets": 3, "octets": 180}],
            "rule": "FLOW_MAPPING[0]",
            "sentence": "",
            "evidence": "one-way churn",
            "corrected": None,
            "agents": ["bert"],
            "packets": 3,
            "age": 0.123457,
            "expires_in": None,
            "stores": ["unix:///s"],
        }
    )


def test_other_rows_are_told_the_same_way() -> None:
    """Rows of peers and agents become objects in the same way."""
    peer = PeerRow(
        address=ip_address("10.0.0.1"), peer=ip_address("::1"), packets=1, age=None, expires_in=1.0, stores=("a", "b")
    )
    agent = AgentRow("bert", "unix:///s", 1.5, {"received": "7"})

    assert peer.as_dict() == {
        "address": "10.0.0.1",
        "peer": "::1",
        "packets": 1,
        "age": None,
        "expires_in": 1.0,
        "stores": ["a", "b"],
    }
    assert agent.as_dict() == {"agent": "bert", "store": "unix:///s", "age": 1.5, "fields": {"received": "7"}}
