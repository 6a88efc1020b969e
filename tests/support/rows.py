"""One row of a flow with every field known, to be varied with `dataclasses.replace`."""

from __future__ import annotations

from ipaddress import ip_address

from shodohflo.keys.detail import ProtocolSum
from shodohflo.query.rows import FlowRow

FLOW = FlowRow(
    client=ip_address("192.0.2.1"),
    service=ip_address("198.51.100.1"),
    port=80,
    octets=200,
    first=10.0,
    last=20.0,
    protocols=(ProtocolSum("tcp", 2, 200),),
    rule="FLOW_MAPPING[0]",
    sentence="the first",
    evidence="handshake",
    corrected=None,
    agents=("bert",),
    packets=2,
    age=5.0,
    expires_in=3.0,
    stores=("one",),
)
"""Two TCP packets, seen by one agent and in one store."""
