"""Merging: packets of a conversation become one row, observations under one key become one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.merging import merge, merge_packets
from shodohflo.model import UDP, Kind
from shodohflo.wire.decode import decode
from support.observing import SEEN, Seen, observed
from support.packets import ACK, RST, SYN, frames_of, ip, tcp, udp

if TYPE_CHECKING:
    from shodohflo.columns.observations import Observations

ENDS = st.sampled_from([("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1"), ("::1", "::2"), ("::1", "::1:0:0:0")])
PACKETS = st.builds(
    lambda ends, segment: ip(segment[0], segment[1], *ends),
    ENDS,
    st.builds(lambda port, flags: (tcp(port, 80, flags), 6), st.integers(0, 3), st.sampled_from([ACK, SYN, RST, 0x18]))
    | st.builds(lambda port: (udp(port, 80), 17), st.integers(0, 3)),
)


@given(st.lists(PACKETS, max_size=40))
def test_merging_keeps_every_packet_and_byte(packets: list[bytes]) -> None:
    """What a conversation is counted under before and after is the same."""
    for batch in decode(frames_of(*packets)).batches:
        merged = merge_packets(batch)

        keys = list(
            zip(
                batch.src_addr.tolist(),
                batch.dst_addr.tolist(),
                batch.src_port.tolist(),
                (batch.tcp_flags & 7).tolist(),
                strict=True,
            )
        )
        assert merged.packets.sum() == len(batch)
        assert merged.octets.sum() == batch.octets.sum()
        assert sorted(merged.packets.tolist()) == sorted(Counter(keys).values())
        assert merged.first.min() == batch.first.min()
        assert merged.last.max() == batch.last.max()


def test_only_the_deciding_flags_tell_segments_apart() -> None:
    """ACK and PSH make no difference; SYN, FIN and RST do."""
    (batch,) = decode(frames_of(*(ip(tcp(flags=flags), 6) for flags in (0x10, 0x18, 0x02, 0x12, 0x11, 0x04)))).batches

    merged = merge_packets(batch)

    assert dict(zip(merged.tcp_flags.tolist(), merged.packets.tolist(), strict=True)) == {0: 2, 2: 2, 1: 1, 4: 1}


def test_observations_under_one_key_and_rule_become_one() -> None:
    """Counts are added, the span of time is widened, all else is kept apart."""
    flow = Seen(ip_address("10.0.0.1"), ip_address("10.0.0.2"), 80, packets=2, octets=100, first=5, last=6)
    different = [
        replace(flow, rule=1),
        replace(flow, kind=Kind.RESET),
        replace(flow, client_port=1),
        replace(flow, port=81),
        replace(flow, protocol=UDP),
        replace(flow, client=ip_address("::a00:1")),
        replace(flow, remote=ip_address("10.0.0.1")),
    ]

    merged = merge([observed(flow, *different), observed(replace(flow, packets=3, first=1, last=9))])

    assert len(merged) == 1 + len(different)
    (added,) = np.flatnonzero(merged.packets == 5)
    assert (merged.octets[added], merged.first[added], merged.last[added]) == (200, 1, 9)


@given(st.lists(SEEN, max_size=30), st.integers(0, 30))
def test_merging_in_parts_is_merging_at_once(rows: list[Seen], cut: int) -> None:
    """What waits may be merged at any time, as often as one likes."""
    at_once = merge([observed(*rows)])

    in_parts = merge([merge([observed(*rows[:cut])]), merge([observed(*rows[cut:])])])

    assert in_parts.packets.sum() == at_once.packets.sum() == sum(row.packets for row in rows)
    assert as_set(in_parts) == as_set(at_once)


def as_set(seen: Observations) -> set[tuple[object, ...]]:
    """Return the rows, in no order."""
    columns = [seen.client.texts(), seen.remote.texts()]
    columns += [getattr(seen, name).tolist() for name in ("kind", "port", "rule", "packets", "octets", "first", "last")]
    return set(zip(*columns, strict=True))


def test_nothing_merges_to_nothing() -> None:
    """A tick without packets leaves no rows."""
    assert len(merge([])) == 0
