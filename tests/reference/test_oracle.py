"""The pipeline counts every capture as the oracle does."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from reference.corpus import USUAL_NETWORKS, Capture, frames_of, outside, replay, shipped
from reference.oracle import Bytes, Oracle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reference.corpus import Prefix

DEFAULT: Final = Path(__file__).with_name("default.py")

NETWORKS: Final = [
    pytest.param(USUAL_NETWORKS, id="usual"),
    pytest.param((ip_network("0.0.0.0/0"), ip_network("::/0")), id="everything"),
    pytest.param((ip_network("0.0.0.0/1"), ip_network("::/3")), id="half"),
]
"""Our networks: the presumed ones, all addresses (every reset and unreachable counts), and half of them."""


def _frames(capture: Capture) -> Iterator[tuple[int, Bytes]]:
    for frames in frames_of(capture):
        buffer = frames.buffer.tobytes()
        columns = (frames.layer, frames.start, frames.captured, frames.original)
        for link, start, captured, original in zip(*(column.tolist() for column in columns), strict=True):
            yield link, Bytes(buffer[start : start + captured], original)


def _check(capture: Capture, our_nets: tuple[Prefix, ...]) -> None:
    oracle = Oracle(our_nets)
    oracle.see(_frames(capture))

    ours = replay(capture, our_nets, DEFAULT)

    outcomes: Counter[str] = Counter()
    for outcome, packets in ours.ledger.outcomes.items():
        outcomes["refused" if outcome.startswith("refused.") else outcome] += packets
    assert ours.keys == oracle.keys
    assert +outcomes == oracle.outcomes


@pytest.mark.parametrize("our_nets", NETWORKS)
@pytest.mark.parametrize("capture", shipped(), ids=str)
def test_a_shipped_capture_counts_as_the_contract_says(capture: Capture, our_nets: tuple[Prefix, ...]) -> None:
    """Pipeline and oracle agree on keys, counts and outcomes of a shipped capture."""
    _check(capture, our_nets)


@pytest.mark.parametrize("our_nets", NETWORKS)
@pytest.mark.parametrize("capture", outside() or [pytest.param(None, id="none")], ids=str)
@pytest.mark.usefixtures("captures_dir")
def test_a_capture_outside_counts_as_the_contract_says(capture: Capture, our_nets: tuple[Prefix, ...]) -> None:
    """Pipeline and oracle agree on keys, counts and outcomes of a capture outside the repository."""
    _check(capture, our_nets)
