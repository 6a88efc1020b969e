"""Frame relay: addresses of each length, and both encapsulations."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.sound import SOUND, V4, V6


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["frame_relay"].values(), ids=SOUND["frame_relay"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The packet is decoded in the encapsulations of RFC 2427 and of Cisco, with SNAP, bridging and PPP."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["frame_relay"].values()], ids=SOUND["frame_relay"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "an address without end": (107, b"\x18\x40\x40\x40\x03\xcc" + V4, "not_ip"),
    "Q.933 management": (107, b"\0\1\3\x08\0\x75" + bytes(12), "not_ip"),
    "CLNP": (107, b"\x18\x41\3\x81" + bytes(30), "not_ip"),
    "Cisco's ARP": (107, b"\x18\x41\x08\x06" + bytes(28), "not_ip"),
    "SNAP of another organisation": (107, b"\x18\x41\3\0\x80\0\0\x0c\x08\0" + V4, "not_ip"),
    "an end behind two pad bytes": (107, b"\x18\x41\3\0\0\xcc" + V4, "not_ip"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_ip_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Link management, other protocols and an address without an end are refused as `not_ip`."""
    assert refusal(frame, layer) == reason
