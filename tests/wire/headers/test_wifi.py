"""802.11: unencrypted data frames, with every optional part of the header."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.sound import SOUND, V4, snap, wifi


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["wifi"].values(), ids=SOUND["wifi"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded behind three or four addresses, QoS and HT control."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["wifi"].values()], ids=SOUND["wifi"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "a beacon": (105, wifi(bytes(40), 0x80), "not_ip"),
    "an acknowledgement": (105, wifi(bytes(40), 0xD4), "not_ip"),
    "a null frame": (105, wifi(bytes(40), 0x48), "not_ip"),
    "a QoS null frame": (105, wifi(bytes(40), 0xC8), "not_ip"),
    "another version": (105, wifi(snap(V4), 0x09), "not_ip"),
    "protected": (105, wifi(snap(V4), flags=0x41), "encrypted"),
    "a later fragment": (105, wifi(snap(V4), fragment=1), "later_fragment"),
    "several packets in one": (105, wifi(bytes(14) + snap(V4), 0x88, more=b"\x80\0"), "aggregated"),
    "several packets, four addresses": (105, wifi(snap(V4), 0x88, 3, bytes(6) + b"\x80\0"), "aggregated"),
    "an acknowledgement, short as it is": (105, b"\xd4\0" + bytes(8), "not_ip"),
    "spanning tree": (105, wifi(b"\x42\x42\3" + bytes(35)), "not_ip"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Other frame types, protected frames, later fragments and aggregated packets are refused with their reasons."""
    assert refusal(frame, layer) == reason
