"""Flows that the lower port turns round are counted by whole handshakes, and nothing else is taken for one."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import numpy as np
import pytest

from shodohflo.analysis.suggest.turned import Turned, turned
from shodohflo.columns.batch import ACK, SYN
from shodohflo.columns.merging import merge_packets
from shodohflo.model import TCP, UDP
from support.made_packets import FAMILIES
from support.rule_sets import batch_of, packet

OURS = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]

Segment = tuple[str, int, int]
"""A packet as `address:port > address:port`, its flags, and its number if it opens."""


def compared(*segments: Segment, protocol: int = TCP) -> Turned:
    """Compare the handshakes of some segments with the lower port."""
    batches = []
    for family in FAMILIES:
        rows = [(packet(text), flags, number) for text, flags, number in segments]
        rows = [row for row in rows if row[0][0].version == family]
        batch = replace(
            batch_of(family, [ends for ends, *_ in rows]),
            tcp_flags=np.array([flags for _, flags, _ in rows], np.uint8),
            number=np.array([number for *_, number in rows], np.uint32),
            protocol=np.full(len(rows), protocol, np.uint8),
        )
        batches.append(merge_packets(batch))
    return turned(batches, OURS)


def back(text: str) -> str:
    """Return the other direction."""
    source, _, destination = text.partition(" > ")
    return f"{destination} > {source}"


def connection(text: str, number: int = 7) -> list[Segment]:
    """Return a handshake, and data of both ends; the source of `text` is the client."""
    return [(text, SYN, number), (back(text), SYN | ACK, number), (text, ACK, 0), (back(text), ACK, 0)]


def test_a_flow_whose_client_has_the_lower_port_is_turned_round() -> None:
    """Five flows of two clients make five keys by the lower port, and two by their handshakes."""
    flows = [f"10.0.0.{n % 2}:4000{n} > 192.0.2.1:50051" for n in range(5)]
    right = "10.0.0.1:60000 > 192.0.2.1:50051"

    found = compared(*(segment for flow in [*flows, right] for segment in connection(flow)))

    assert found == Turned(flows=6, turned=5, keys_before=5, keys_after=2)
    assert found.share == 5 / 6


def test_both_families_are_counted() -> None:
    """Flows of IPv4 and IPv6 are added up."""
    six = "[2001:db8::1]:40000 > [2001:db8:1::1]:50051"

    found = compared(*connection("10.0.0.1:40000 > 10.0.0.2:50051"), *connection(six))

    assert (found.flows, found.turned, found.keys_before, found.keys_after) == (2, 2, 2, 2)


FLOW = "10.0.0.1:40000 > 192.0.2.1:50051"


@pytest.mark.parametrize(
    "segments",
    [
        pytest.param([], id="nothing"),
        pytest.param(connection(FLOW)[:2], id="no data"),
        pytest.param([*connection(FLOW)[:1], *connection(FLOW)[2:]], id="no SYN-ACK"),
        pytest.param(connection(FLOW)[1:], id="no SYN"),
        pytest.param([(FLOW, SYN, 8), *connection(FLOW)[1:]], id="of another SYN"),
        pytest.param([(back(FLOW), SYN, 7), *connection(FLOW)[1:]], id="of the same end"),
        pytest.param([*connection(FLOW), *connection(back(FLOW), 9)], id="both ends answered"),
        pytest.param(connection("192.0.2.9:40000 > 192.0.2.1:50051"), id="of neither network of ours"),
    ],
)
def test_what_is_no_handshake_of_a_flow_is_not_counted(segments: list[Segment]) -> None:
    """Anybody can send a lone SYN-ACK, and a scan makes no flow."""
    assert compared(*segments) == Turned(0, 0, 0, 0)
    assert compared().share == 0


def test_datagrams_have_no_handshake() -> None:
    """Only TCP is compared."""
    assert compared(*connection(FLOW), protocol=UDP).flows == 0


def test_data_of_one_direction_is_enough() -> None:
    """A flow is recorded by either."""
    one_way = [*connection(FLOW)[:2], (back(FLOW), ACK, 0)]

    assert compared(*one_way).turned == 1


def test_equal_ports_are_not_turned_round() -> None:
    """With equal ports, the rules say which end is the service."""
    assert compared(*connection("10.0.0.1:7000 > 192.0.2.1:7000")) == Turned(1, 0, 0, 0)
