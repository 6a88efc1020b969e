"""Every capture gives the reference implementation's keys and counts, except for listed differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference.corpus import CONFIGURATIONS, USUAL_NETWORKS, Capture, cases, outside, replay, shipped
from reference.differences import REASONS, differences, listed, reasons

if TYPE_CHECKING:
    from pathlib import Path

# Without the whole corpus there is one row, which the fixture skips with a reason; an empty list would give none.
_SHIPPED = pytest.mark.parametrize("capture", shipped(), ids=str)
_OUTSIDE = pytest.mark.parametrize("capture", outside() or [pytest.param(None, id="none")], ids=str)


def _listed_for(capture: Capture) -> dict[object, object]:
    return {place: counts for place, counts in listed().items() if place.capture == capture.path.name}


@_SHIPPED
def test_a_shipped_capture_gives_the_references_keys_except_where_listed(capture: Capture) -> None:
    """The keys of a shipped capture differ from the reference's exactly where the table lists it."""
    assert differences(capture) == _listed_for(capture)


@_OUTSIDE
@pytest.mark.usefixtures("captures_dir")
def test_a_capture_outside_gives_the_references_keys_except_where_listed(capture: Capture) -> None:
    """The keys of a capture outside the repository differ from the reference's exactly where the table lists it."""
    assert differences(capture) == _listed_for(capture)


def test_every_listed_difference_has_a_known_reason() -> None:
    """Every difference in the table has one of the known reasons."""
    unexplained = {place: reason for place, reason in reasons().items() if reason not in REASONS}

    assert unexplained == {}


def _check_the_ledger(capture: Capture) -> None:
    prefixes = [*USUAL_NETWORKS, *(case.our_nets for case in cases(capture))]
    for configuration in CONFIGURATIONS.values():
        replayed = replay(capture, prefixes, configuration)

        assert sum(replayed.ledger.outcomes.values()) == replayed.ledger.received == capture.packets
        assert replayed.ledger.kernel_dropped == 0
        assert bool(replayed.broken) == capture.damaged, replayed.broken


@_SHIPPED
def test_every_packet_of_a_shipped_capture_has_one_outcome(capture: Capture) -> None:
    """The outcomes of a shipped capture add up to the manifest's packets, up to the damage if the file is damaged."""
    _check_the_ledger(capture)


@_OUTSIDE
@pytest.mark.usefixtures("captures_dir")
def test_every_packet_of_a_capture_outside_has_one_outcome(capture: Capture) -> None:
    """The outcomes of a capture outside the repository add up to the manifest's packets, up to any damage."""
    _check_the_ledger(capture)


def test_the_shipped_captures_are_those_of_the_whole_corpus(captures_dir: Path) -> None:
    """Captures and reference results in the repository are copies of those in the whole corpus."""
    for capture in shipped():
        original = Capture(captures_dir / capture.path.name, capture.packets, capture.damaged)

        assert capture.path.read_bytes() == original.path.read_bytes()
        assert cases(capture) == cases(original)
