"""Lanes find the same records as the plain walk, whatever the data and the guesses."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shodohflo.capture.files.lanes import Plan, _starts, walk_in_lanes
from shodohflo.capture.files.pcap import Pcap
from shodohflo.capture.files.pcapng_section import Section
from shodohflo.capture.files.records import walk
from support.savefiles import (
    START,
    Order,
    enhanced,
    interface,
    pcap,
    pcap_header,
    pcapng,
    read,
    record,
    section_header,
    simple,
)

if TYPE_CHECKING:
    from pathlib import Path

ORDERS: list[Order] = ["<", ">"]
FEW = Plan(lanes=5, probe=1, worthwhile=1)
"""Lanes for data that are too short for the usual plan."""

PLANS = st.builds(Plan, lanes=st.integers(2, 20), probe=st.integers(1, 60), worthwhile=st.integers(1, 3))


def lying_records(order: Order) -> st.SearchStrategy[bytes]:
    """Draw pcap records whose packets are full of imitated record headers."""
    header = st.builds(
        lambda second, fraction, captured, more: struct.pack(
            f"{order}IIII", second, fraction, captured, captured + more
        ),
        st.integers(START - 5, START + 5),
        st.integers(0, 1_000_000),
        st.one_of(st.integers(0, 60), st.just(2**32 - 100)),
        st.integers(0, 99),
    )
    payload = st.lists(st.one_of(header, st.binary(max_size=30)), max_size=6).map(b"".join)
    time = st.tuples(st.sampled_from([START, START + 1, 0]), st.integers(0, 999_999))
    return st.lists(
        st.builds(lambda data, at: record(data, order, time=at), payload, time), min_size=8, max_size=60
    ).map(b"".join)


def lying_blocks(order: Order) -> st.SearchStrategy[bytes]:
    """Draw pcapng blocks whose packets are full of imitated blocks."""
    packet = st.binary(max_size=30).map(lambda data: enhanced(data, order))
    payload = st.lists(st.one_of(packet, st.binary(max_size=30)), max_size=4).map(b"".join)
    block = st.one_of(
        payload.map(lambda data: enhanced(data, order)),
        payload.map(lambda data: simple(data, order)),
        st.just(interface(order)),
        st.just(section_header(order)),
    )
    return st.lists(block, min_size=8, max_size=60).map(b"".join)


@given(st.data(), st.sampled_from(ORDERS), st.sampled_from([(2, 1), (2, 3), (2, 4)]), PLANS)
def test_lanes_agree_with_the_plain_walk_on_pcap(
    data: st.DataObject, order: Order, version: tuple[int, int], plan: Plan
) -> None:
    """Lanes and the plain walk agree on pcap data with imitated records, rubbish between them, and a cut anywhere."""
    parts = data.draw(st.lists(st.one_of(lying_records(order), st.binary(max_size=3)), max_size=3))
    chain = memoryview(b"".join(parts) + data.draw(st.binary(max_size=40)))
    records = Pcap.open(memoryview(pcap_header(order, version=version)))

    offsets, end = walk_in_lanes(records, chain, 0, plan)

    assert (offsets.tolist(), end) == walk(records, chain, 0, len(chain))


@given(st.data(), st.sampled_from(ORDERS), PLANS)
def test_lanes_agree_with_the_plain_walk_on_pcapng(data: st.DataObject, order: Order, plan: Plan) -> None:
    """Lanes and the plain walk agree on pcapng data with imitated blocks, several sections, and a cut anywhere."""
    parts = data.draw(st.lists(st.one_of(lying_blocks(order), st.binary(max_size=4)), max_size=3))
    chain = memoryview(b"".join(parts) + data.draw(st.binary(max_size=40)))
    records = Section(order)

    offsets, end = walk_in_lanes(records, chain, 0, plan)

    assert (offsets.tolist(), end) == walk(records, chain, 0, len(chain))


@given(st.binary(max_size=400), PLANS)
@example(bytes(400), FEW)
@example(record(b"")[:8] * 50, FEW)
def test_lanes_agree_with_the_plain_walk_on_rubbish(rubbish: bytes, plan: Plan) -> None:
    """Lanes and the plain walk agree on rubbish, where no place is a record or every place is."""
    chain = memoryview(rubbish)
    for records in (Pcap.open(memoryview(pcap_header())), Section("<")):
        offsets, end = walk_in_lanes(records, chain, 0, plan)

        assert (offsets.tolist(), end) == walk(records, chain, 0, len(chain))


@pytest.mark.parametrize("length", range(0, 2000, 7))
def test_lanes_agree_with_the_plain_walk_wherever_the_data_are_cut(length: int) -> None:
    """Lanes and the plain walk agree if the data end in an incomplete record."""
    chain = memoryview(b"".join(record(bytes(index % 90)) for index in range(60))[:length])
    records = Pcap.open(memoryview(pcap_header()))

    offsets, end = walk_in_lanes(records, chain, 0, FEW)

    assert (offsets.tolist(), end) == walk(records, chain, 0, len(chain))


@pytest.mark.parametrize("order", ORDERS)
def test_in_honest_captures_nearly_all_guesses_are_right(order: Order) -> None:
    """In ordinary captures more than 98% of the guessed starts are right, so that lanes save time."""
    lengths = np.random.default_rng(1).integers(40, 400, 4000).tolist()
    noise = np.random.default_rng(2).bytes(1000)
    packets = [noise[length : 2 * length] for length in lengths]
    pcap_chain = b"".join(record(data, order, time=(START + i // 100, i % 100)) for i, data in enumerate(packets))
    pcapng_chain = b"".join(enhanced(data, order, ticks=START * 10**6 + i) for i, data in enumerate(packets))

    for records, chain in (
        (Pcap.open(memoryview(pcap_header(order))), memoryview(pcap_chain)),
        (Section(order), memoryview(pcapng_chain)),
    ):
        fields = np.ndarray((len(chain) - 3,), f"{order}u4", chain, strides=(1,))
        points = len(chain) // 100 // 4 * 4 * np.arange(100)
        starts = _starts(records, fields, points, len(chain) - records.header)
        begins, _ = walk(records, chain, 0, len(chain))

        assert len(starts) == 100
        assert np.isin(starts, begins).mean() > 0.98


def test_the_example_in_the_module_is_what_happens() -> None:
    """Of the four starts one is wrong, as the docstring of `lanes` says, and all 12 records are found."""
    filling = b"\xff" * 84
    holding = b"\xff" * 34 + record(filling)[:16] + b"\xff" * 34
    chain = memoryview(b"".join(record(holding if place == 600 else filling) for place in range(0, 1200, 100)))
    records = Pcap.open(memoryview(pcap_header()))
    fields = np.ndarray((len(chain) - 3,), "<u4", chain, strides=(1,))

    starts = _starts(records, fields, np.array([100, 371, 642, 913]), len(chain) - records.header)
    offsets, end = walk_in_lanes(records, chain, 0, Plan(lanes=4, probe=1, worthwhile=1))

    assert starts.tolist() == [100, 400, 650, 1000]
    assert (offsets.tolist(), end) == (list(range(0, 1200, 100)), 1200)


def test_files_large_enough_for_lanes_are_read_to_the_end(tmp_path: Path) -> None:
    """A file of several chunks is read completely with the usual plan."""
    rng = np.random.default_rng(3)
    noise = rng.bytes(4096)
    payloads = [noise[length:][:length] for length in rng.integers(0, 200, 120_000).tolist()]
    made = tmp_path / "made"

    for whole in (pcap(payloads), pcapng(interface(), *map(enhanced, payloads))):
        made.write_bytes(whole)
        with made.open("rb") as stream:
            assert read(stream).payloads == payloads
