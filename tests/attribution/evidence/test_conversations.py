"""A flow is the same whichever end sends, and differs from all others."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.ladder import Flow, Packet
from shodohflo.attribution.evidence.conversations import NEVER, Conversations, Keyed, end_keys
from shodohflo.columns.addresses import Addresses
from shodohflo.model import TCP, UDP, End
from support.judging import batch_of
from support.segments import ACK, BEGIN, FIN, SYN, conversations, datagram, segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.columns.batch import Family


def packets_of(family: Family) -> st.SearchStrategy[list[Packet]]:
    """Return lists of packets in a small universe."""
    addresses = {4: ["10.0.0.1", "10.0.1.0", "9.0.0.1"], 6: ["fd00::1", "fd00::100", "2001:db8::"]}[family]
    some = st.sampled_from([ip_address(each) for each in addresses])
    ports = st.sampled_from([0, 1, 443, 65535])
    packet = st.builds(Packet, st.integers(0, 9), some, ports, some, ports, st.sampled_from([TCP, UDP]))
    return st.lists(packet, min_size=1, max_size=30)


@pytest.mark.parametrize("family", [4, 6])
@given(data=st.data())
def test_rows_are_arranged_as_the_plain_flows(family: Family, data: st.DataObject) -> None:
    """The same flows, the same sides, and one key for each flow."""
    packets = data.draw(packets_of(family))
    talks = Conversations.of(Keyed.of(batch_of(family, packets)))
    senders = [End(packet.src, packet.protocol, packet.sport) for packet in packets]
    plain = [
        Flow.between(sender, End(packet.dst, packet.protocol, packet.dport))
        for sender, packet in zip(senders, packets, strict=True)
    ]

    assert talks.side.tolist() == [flow.side_of(sender) for flow, sender in zip(plain, senders, strict=True)]
    assert len(set(zip(plain, talks.flow.tolist(), strict=True))) == len(set(plain)) == len(talks)
    assert len(set(talks.keys.tolist())) == len(talks)


@given(packets_of(4))
def test_ends_have_the_keys_of_their_address_protocol_and_port(packets: Sequence[Packet]) -> None:
    """The key of an end does not depend on the flow, nor on the side."""
    talks = Conversations.of(Keyed.of(batch_of(4, packets)))
    for side in (0, 1):
        ends = Addresses.from_column(4, talks.addresses[side])
        again = end_keys(4, ends.column(4), talks.ends[0].protocol, talks.ports[side])

        assert again.tolist() == talks.end_keys[side].tolist()


def test_what_is_payload_says_who_spoke_and_when() -> None:
    """Openings and FIN are none; without payload the last is never."""
    talks, _, _ = conversations(
        [
            segment(SYN, at=0),
            segment(ACK, back=True, at=2),
            segment(ACK, back=True, at=5),
            segment(FIN, at=7),
            segment(SYN, port=40001, at=1),
            datagram(at=3),
        ]
    )
    order = np.lexsort((talks.ports[0], ~talks.is_tcp))
    seconds = [None if time == NEVER else (time - BEGIN) / 1e9 for time in talks.last_payload[order].tolist()]

    assert talks.spoke[order].tolist() == [0b10, 0, 0b01]
    assert seconds == [5, None, 3]
    assert ((talks.first_payload[order][[0, 2]] - BEGIN) / 1e9).tolist() == [2, 3]
