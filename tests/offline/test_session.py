"""Captures are read into a consumer of frames, and broken ones up to the damage."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shodohflo.attribution.ledger import Ledger, Outcome
from shodohflo.capture.filters.expression import CaptureFilter
from shodohflo.config import Configuration, load
from shodohflo.keys import counts
from shodohflo.offline.session import Replay, is_unreadable, make_pipeline, replay_captures
from support.filtering import passed_by_tcpdump

if TYPE_CHECKING:
    from shodohflo.columns.frames import Frames

OURS = (ip_network("192.168.7.0/24"), ip_network("2001:db8:7::/48"))


class Counting:
    """A consumer that counts the frames it is given."""

    def __init__(self) -> None:
        """Start with no frames."""
        self.frames = 0

    def ingest(self, frames: Frames, /) -> None:
        """Count `frames`."""
        self.frames += len(frames)


@pytest.fixture(name="demo")
def _demo() -> Path:
    path = files("shodohflo") / "demo" / "demo.pcap"
    assert isinstance(path, Path)
    return path


def test_every_frame_of_every_capture_reaches_the_consumer(demo: Path) -> None:
    """Every frame of every capture reaches the consumer, twice if a capture is given twice."""
    once, twice = Counting(), Counting()

    Replay(once).read([str(demo)])
    Replay(twice).read([str(demo), str(demo)])

    assert once.frames > 0
    assert twice.frames == 2 * once.frames


def test_a_broken_capture_is_used_as_far_as_it_goes(demo: Path, tmp_path: Path) -> None:
    """The packets before the damage are used, and one line names the file and how many they were."""
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(demo.read_bytes()[:-1])
    whole, part = Counting(), Counting()
    Replay(whole).read([str(demo)])
    reading = Replay(part)

    reading.read([str(cut), str(tmp_path / "missing.pcap"), str(demo)])

    assert part.frames == 2 * whole.frames - 1
    assert [str(cut) in reading.broken[0], "missing.pcap" in reading.broken[1]] == [True, True]
    assert f"({whole.frames - 1:,} packets before that were used)" in reading.broken[0]


def test_a_pipeline_decides_by_the_configuration(demo: Path) -> None:
    """The pipeline of a session records the flows of the networks that are ours, and accounts for every packet."""
    pipeline = make_pipeline(Configuration(load(None, {}), OURS))

    Replay(pipeline).read([str(demo)])

    assert len(pipeline.take()) > 0
    ledger = pipeline.settle()
    assert sum(ledger.outcomes.values()) == ledger.received


def test_captures_are_replayed_as_far_as_they_go(demo: Path, tmp_path: Path) -> None:
    """The packets of readable captures are decided and accounted for, and unreadable captures are named."""
    configuration = Configuration(load(None, {}), OURS)

    whole = replay_captures([str(demo)], configuration)
    part = replay_captures([str(demo), str(tmp_path / "missing.pcap")], configuration)

    assert whole.broken == ()
    assert sum(whole.ledger.outcomes.values()) == whole.ledger.received > 0
    assert counts(part.observations) == counts(whole.observations) != {}
    assert part.ledger == whole.ledger
    assert ["missing.pcap" in message for message in part.broken] == [True]


@pytest.mark.parametrize(
    ("outcomes", "unreadable"),
    [
        ({}, False),
        ({"refused.link_type[VSOCK]": 2}, True),
        ({"refused.link_type[VSOCK]": 1, "refused.link_type[999]": 1}, True),
        ({"refused.link_type[VSOCK]": 1, "recorded": 1}, False),
        ({"refused.link_cut": 2}, False),
    ],
)
def test_captures_are_unreadable_if_every_packet_is_of_a_link_type_without_decoder(
    outcomes: dict[str, int], *, unreadable: bool
) -> None:
    """Captures are unreadable only if there are packets, and all of them are of link types without a decoder."""
    ledger = Ledger(received=sum(outcomes.values()), outcomes=Counter(outcomes))

    assert is_unreadable(ledger) is unreadable


def test_captures_with_both_directions_are_named(demo: Path, shipped_captures: Path) -> None:
    """Each capture with both directions of a host is named once, and the result has one note."""
    host = str(shipped_captures / "zeek-ftp-ipv4.pcap")
    reading = Replay(Counting())

    reading.read([host, str(demo)])

    assert reading.unmarked == [host]
    assert len(replay_captures([host, host], Configuration(load(None, {}), OURS)).notes) == 1
    assert not replay_captures([str(demo)], Configuration(load(None, {}), OURS)).notes


def test_a_filter_leaves_packets_out_and_counts_them(shipped_captures: Path) -> None:
    """Excluded packets are in the sum, the others are decided as ever."""
    capture = shipped_captures / "dpkt-nb6-http.pcap"
    settings = load(None, {})
    both = [
        replay_captures([str(capture)], Configuration(replace(settings, capture_filter=passing), OURS)).ledger
        for passing in (None, CaptureFilter.of("src port 80"))
    ]
    passed = passed_by_tcpdump(capture, "src port 80")
    assert passed

    assert [ledger.received for ledger in both] == [62, 62]
    assert both[1].outcomes[Outcome.EXCLUDED] == 62 - passed
    assert both[1].outcomes.total() == 62


def test_a_link_type_without_a_filter_is_an_error_of_the_capture(shipped_captures: Path) -> None:
    """The capture is named, and nothing is counted of what could not be decided on."""
    capture = str(shipped_captures / "pcapplusplus-raw_ip.pcap")
    passing = CaptureFilter.of("ether host 02:00:00:00:00:01")

    replayed = replay_captures([capture], Configuration(replace(load(None, {}), capture_filter=passing), OURS))

    (line,) = replayed.broken
    assert line.startswith(f"{capture}: the filter cannot be applied to link type ")
    assert replayed.ledger.received == 0
