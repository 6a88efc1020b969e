"""Services on high ports, found by the number of their peers."""

from __future__ import annotations

import pytest

from shodohflo.analysis.frame import to_frames
from shodohflo.analysis.suggest.high_ports import high_ports
from shodohflo.columns.merging import merge_packets
from shodohflo.rules.packet import Packet
from shodohflo.wire.decode import decode


def found(*texts: str) -> dict[int, int]:
    """Return the high ports of some packets."""
    batches = decode(to_frames([Packet.from_text(text) for text in texts])).batches
    return dict(high_ports([merge_packets(batch) for batch in batches]))


def clients(number: int, port: int = 40000, service: str = "10.0.0.1:50051") -> list[str]:
    """Return packets of several clients to one service, and the answers."""
    there = [f"10.0.1.{host}:{port + host} > {service} tcp" for host in range(number)]
    back = [f"{service} > 10.0.1.{host}:{port + host} tcp" for host in range(number)]
    return there + back


def test_a_high_port_with_many_clients_is_a_service() -> None:
    """Each pair of ends counts once, whatever its packets and their direction."""
    assert found(*clients(5), *clients(5)) == {50051: 5}


def test_ipv6_is_found_as_well() -> None:
    """Services of both families are added up."""
    there = [f"[2001:db8::{host}]:4000{host} > [2001:db8:1::1]:50051 udp" for host in range(4)]

    assert found(*there, *clients(3)) == {50051: 7}


@pytest.mark.parametrize(
    "texts",
    [
        clients(2),
        clients(5, port=51000),
        clients(5, service="10.0.0.1:443"),
        [f"10.0.0.9:60000 > 10.0.1.{host}:{port} tcp" for host in range(5) for port in (22, 80, 443)],
        [],
    ],
    ids=["too few", "clients on higher ports", "a low port", "a scan of low ports", "nothing"],
)
def test_what_lower_port_gets_right_or_nobody_can_tell_is_left_alone(texts: list[str]) -> None:
    """Nothing is found with too few clients, or if the lower port is the service's."""
    assert found(*texts) == {}
