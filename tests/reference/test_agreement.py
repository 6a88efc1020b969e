"""Columns and plain ladder agree beyond the cases: on captures, and on packets made to contradict each other."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest
from benchmarks import attribution_captures
from hypothesis import given
from hypothesis import strategies as st

from reference.evidence_cases import batches
from reference.ladder import OPENINGS_LIVE, SECOND, Ladder, Packet, read_listed
from support.judging import Columns
from support.machine import SHIPPED_CAPTURES, outside_captures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

LISTED = read_listed()


def _assert_agree(several: Iterable[Sequence[Packet]]) -> None:
    ladder, columns = Ladder(LISTED, otherwise=lambda _: None), Columns()
    for batch in several:
        assert columns.take_in(batch) == ladder.take_in(batch)


def _captures() -> list[Path]:
    directory = outside_captures()
    return attribution_captures.captures([SHIPPED_CAPTURES, *([directory] if directory else [])], left_out=["*.*[!pg]"])


@pytest.mark.parametrize("size", [17, 1000, None], ids=lambda size: f"{size or 'all'} at once")
@pytest.mark.parametrize("path", _captures(), ids=lambda path: path.name)
def test_they_agree_on_a_capture(path: Path, size: int | None) -> None:
    """What is written after every batch of a capture is the same, whatever the size of the batches."""
    packets = [seen.packet for seen in attribution_captures.read(path).seen]

    _assert_agree(batches(packets, size))


ADDRESSES = st.sampled_from([IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"), IPv4Address("224.0.0.251")])
PORTS = st.sampled_from([53, 443, 40000, 51000])
# Steps of time: back, around the quiet minute, and around the lives of openings, flows and memory.
STEPS = st.sampled_from([-1, -70, 0, 0, 0, 1, 59, 60, 61, 299, 300, 301, 900, 901, 86_401])
TCP_PACKETS = st.tuples(STEPS, ADDRESSES, PORTS, ADDRESSES, PORTS).flatmap(
    lambda ends: st.builds(
        lambda flags, number: (*ends, 6, flags, number, 0),
        st.sampled_from([0x02, 0x02, 0x12, 0x12, 0x10, 0x10, 0x10, 0x18, 0x04, 0x14, 0x11, 0x03, 0x06, 0x00]),
        st.integers(0, 2),
    )
)
UDP_PACKETS = st.tuples(STEPS, ADDRESSES, PORTS, ADDRESSES, PORTS).flatmap(
    lambda ends: st.builds(lambda says: (*ends, 17, 0, 0, says), st.integers(0, 2))
)


def _divided(packets: Sequence[Packet], size: int) -> Iterator[list[Packet]]:
    """Yield batches of at most `size` packets, none of them longer than openings live: in one, nothing expires."""
    batch: list[Packet] = []
    for packet in packets:
        if batch and (len(batch) == size or abs(packet.time - batch[0].time) > OPENINGS_LIVE):
            yield batch
            batch = []
        batch.append(packet)
    yield batch


@given(st.lists(TCP_PACKETS | UDP_PACKETS, min_size=1, max_size=80), st.integers(1, 40))
def test_they_agree_on_packets_that_contradict_each_other(steps: Sequence[tuple[int, ...]], size: int) -> None:
    """Among few ends, with every flag, number and pause, the same flows have the same verdicts."""
    now, packets = 0, []
    for step, *rest in steps:
        now += step * SECOND
        packets.append(Packet(now, *rest))  # type: ignore[arg-type]  # a tuple of the fields in their order

    _assert_agree(_divided(packets, size))


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 1)), min_size=50, max_size=150))
def test_they_agree_on_floods_of_openings(openings: Sequence[tuple[bool, bool, int]]) -> None:
    """Around the limit of openings of a flow in a batch, both take in all or none."""
    ends = (IPv4Address("10.0.0.1"), 40000, IPv4Address("10.0.0.2"), 51000)
    packets = [
        Packet(0, *(ends[2:] + ends[:2] if back else ends), 6, 0x12 if answers else 0x02, number)
        for back, answers, number in openings
    ]

    _assert_agree([[*packets, Packet(1, *ends, 6, 0x10)]])
