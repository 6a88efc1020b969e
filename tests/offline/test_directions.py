"""Captures with both directions of a host are noticed, and those that mark or lack one direction are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shodohflo.columns.frames import SENT, Frames
from shodohflo.offline.directions import MOST, has_both_directions
from support.packets import frames_of, ip, tcp, udp

HOST, GATEWAY, OTHER = (bytes([2, 0, 0, 0, 0, last]) for last in (1, 2, 3))
BROADCAST, MULTICAST, NOBODY = b"\xff" * 6, b"\x33\x33\0\0\0\1", bytes(6)

Pair = tuple[bytes, bytes]
"""The source and the destination of a frame."""


def ethernet(*pairs: Pair) -> Frames:
    """Return a frame for each pair of addresses."""
    return frames_of(*(destination + source + b"\x08\0" + ip(udp(), 17) for source, destination in pairs), layer=1)


BOTH: dict[str, list[Pair]] = {
    "a gateway": [(HOST, GATEWAY), (GATEWAY, HOST)],
    "several stations": [(OTHER, HOST), (HOST, OTHER), (GATEWAY, HOST)],
    "broadcasts of others": [(OTHER, BROADCAST), (HOST, GATEWAY), (GATEWAY, MULTICAST), (GATEWAY, HOST)],
}


@pytest.mark.parametrize("pairs", BOTH.values(), ids=BOTH)
def test_both_directions_of_one_station_are_noticed(pairs: list[Pair]) -> None:
    """Frames from and to one station, with broadcasts of anybody, have both directions of that host."""
    assert has_both_directions(ethernet(*pairs))


NOT_BOTH: dict[str, list[Pair]] = {
    "received only": [(GATEWAY, HOST), (OTHER, HOST), (OTHER, BROADCAST)],
    "a mirror of three stations": [(HOST, GATEWAY), (GATEWAY, OTHER), (OTHER, HOST)],
    "a loopback interface": [(NOBODY, NOBODY)] * 3,
    "broadcasts only": [(HOST, BROADCAST), (GATEWAY, MULTICAST)],
    "nothing": [],
}


@pytest.mark.parametrize("pairs", NOT_BOTH.values(), ids=NOT_BOTH)
def test_other_captures_are_not_taken_for_it(pairs: list[Pair]) -> None:
    """One direction, several stations, a loopback interface and broadcasts are no two directions of a host."""
    assert not has_both_directions(ethernet(*pairs) if pairs else Frames.empty(np.empty(0, np.uint8)))


def test_a_capture_that_marks_what_was_sent_needs_no_note() -> None:
    """Where the frames of the host itself are marked, only those that it received are left."""
    frames = ethernet((HOST, GATEWAY), (GATEWAY, HOST))

    assert not has_both_directions(replace(frames, layer=np.array([SENT, 1], np.uint32)))


def test_cut_frames_do_not_matter() -> None:
    """Frames that end within their Ethernet header are left out."""
    assert not has_both_directions(frames_of(HOST + GATEWAY, GATEWAY + HOST, b"", layer=1))


@pytest.mark.parametrize("layer", [12, 101, 228])
def test_raw_ip_is_judged_by_its_conversations(layer: int) -> None:
    """Without Ethernet addresses, a conversation with packets of either end has both directions."""
    there, back = ip(tcp(1, 2), 6, "10.0.0.1", "10.0.0.2"), ip(tcp(2, 1), 6, "10.0.0.2", "10.0.0.1")
    other = ip(tcp(2, 3), 6, "10.0.0.2", "10.0.0.1")

    assert has_both_directions(frames_of(there, other, back, layer=layer))
    assert not has_both_directions(frames_of(there, other, there, layer=layer))


@pytest.mark.parametrize("layer", [113, 276, 105])
def test_link_types_that_say_more_are_left_alone(layer: int) -> None:
    """Link types that mark directions, or that no host receives in this form, are not judged."""
    frame = ethernet((HOST, GATEWAY), (GATEWAY, HOST))

    assert not has_both_directions(replace(frame, layer=np.full(2, layer, np.uint32)))


def test_only_the_first_frames_are_looked_at() -> None:
    """What comes after the first thousands of frames changes nothing."""
    frames = ethernet(*[(GATEWAY, HOST)] * MOST, (HOST, GATEWAY))

    assert not has_both_directions(frames)
    assert has_both_directions(frames[1:])
