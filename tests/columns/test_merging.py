"""Merging: packets of one conversation become one row, and so do observations under one key."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns import merging
from shodohflo.columns.batch import FIN, Batch
from shodohflo.columns.merging import merge, merge_packets, significant_flags
from shodohflo.model import UDP, Kind
from shodohflo.wire.decode import decode
from support.observing import SEEN, Seen, observed
from support.packets import ACK, RST, SYN, frames_of, ip, tcp, udp
from support.tables import made

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.observations import Observations

SYN_ACK = SYN | ACK

FLAGS = st.sampled_from([ACK, SYN, SYN_ACK, RST, 0x18])
ENDS = st.sampled_from([("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1"), ("::1", "::2"), ("::1", "::1:0:0:0")])
PACKETS = st.builds(
    lambda ends, segment: ip(segment[0], segment[1], *ends),
    ENDS,
    st.builds(
        lambda port, flags: (tcp(port, 80, flags), 6),
        st.integers(0, 3),
        st.sampled_from([ACK, SYN, SYN_ACK, RST, 0x18]),
    )
    | st.builds(lambda port: (udp(port, 80), 17), st.integers(0, 3)),
)


@given(st.lists(PACKETS, max_size=40))
def test_merging_keeps_every_packet_and_byte(packets: list[bytes]) -> None:
    """The packets of each conversation add up to the same number before and after merging."""
    for batch in decode(frames_of(*packets)).batches:
        merged = merge_packets(batch)

        keys = list(
            zip(
                batch.src_addr.tolist(),
                batch.dst_addr.tolist(),
                batch.src_port.tolist(),
                significant_flags(batch.tcp_flags).tolist(),
                strict=True,
            )
        )
        assert merged.packets.sum() == len(batch)
        assert merged.octets.sum() == batch.octets.sum()
        assert sorted(merged.packets.tolist()) == sorted(Counter(keys).values())
        assert merged.first.min() == batch.first.min()
        assert merged.last.max() == batch.last.max()


SEGMENTS = st.lists(st.integers(0, 0xFF), min_size=1, max_size=40)
"""The control bits of segments of one conversation."""


def answers(tcp_flags: NDArray[np.uint8]) -> list[tuple[bool, ...]]:
    """Return what can be asked about the flags of each row: RST, FIN, SYN, and SYN-ACK."""
    questions = (RST, FIN, SYN)
    return [(*(bool(flags & bit) for bit in questions), flags & SYN_ACK == SYN_ACK) for flags in tcp_flags.tolist()]


@given(SEGMENTS, st.booleans())
def test_merging_never_changes_what_the_flags_answer(flags: list[int], mostly_different: bool) -> None:  # noqa: FBT001 - drawn
    """RST, FIN, SYN and SYN-ACK are told apart alike, whether or not rows are merged."""
    batch = of_segments(flags)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "_is_mostly_different", lambda _: mostly_different)
        merged = merge_packets(batch)

    assert weighed(merged) == weighed(batch)
    assert set(merged.tcp_flags.tolist()) == set(significant_flags(batch.tcp_flags).tolist())
    assert len(merged) == (len(flags) if mostly_different else len(set(answers(batch.tcp_flags))))


def weighed(batch: Batch) -> Counter[tuple[bool, ...]]:
    """Count the packets by what their flags answer."""
    found: Counter[tuple[bool, ...]] = Counter()
    for answer, packets in zip(answers(batch.tcp_flags), batch.packets.tolist(), strict=True):
        found[answer] += packets
    return found


def of_segments(flags: list[int]) -> Batch:
    """Return a batch of segments that differ in their flags alone."""
    return made(Batch, len(flags), 4, tcp_flags=flags, packets=[1] * len(flags))


@pytest.mark.parametrize(
    ("flags", "significant"),
    [
        (0x02, 0x02),
        (0x12, 0x12),
        (0xC2, 0x02),
        (0x52, 0x12),
        (0x10, 0),
        (0x18, 0),
        (0x11, 0x01),
        (0x14, 0x04),
        (0x04, 0x04),
    ],
)
def test_only_the_significant_flags_tell_segments_apart(flags: int, significant: int) -> None:
    """SYN, FIN and RST are kept, ACK only beside SYN, and all other bits are 0."""
    assert merge_packets(of_segments([flags])).tcp_flags.tolist() == [significant]


@pytest.mark.parametrize("count", [10, 5_000])
def test_syn_acks_come_out_alike_whether_few_or_many_different_ones(count: int) -> None:
    """Five thousand clients are not merged, ten equal packets are: the flags are 0x12 in both."""
    clients = np.arange(5_000) if count == 5_000 else np.zeros(count)
    batch = made(Batch, count, 4, dst_addr=clients, tcp_flags=[SYN_ACK] * count)

    merged = merge_packets(batch)

    assert (len(merged), set(merged.tcp_flags.tolist())) == (5_000 if count == 5_000 else 1, {SYN_ACK})


def test_observations_under_one_key_and_rule_become_one() -> None:
    """Counts are summed and the time span is widened; rows that differ in a key column stay apart."""
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
    """Merging in parts gives the same rows as merging at once."""
    at_once = merge([observed(*rows)])

    in_parts = merge([merge([observed(*rows[:cut])]), merge([observed(*rows[cut:])])])

    assert in_parts.packets.sum() == at_once.packets.sum() == sum(row.packets for row in rows)
    assert as_set(in_parts) == as_set(at_once)


def as_set(seen: Observations) -> set[tuple[object, ...]]:
    """Return the rows as a set."""
    columns = [seen.client.texts(), seen.remote.texts()]
    columns += [getattr(seen, name).tolist() for name in ("kind", "port", "rule", "packets", "octets", "first", "last")]
    return set(zip(*columns, strict=True))


def test_nothing_merges_to_nothing() -> None:
    """Merging nothing gives an empty table."""
    assert len(merge([])) == 0
