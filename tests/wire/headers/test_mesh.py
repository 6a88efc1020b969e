"""Mesh control: between the 802.11 header and LLC, with its addresses."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.sound import MESH, SOUND, V4, V6, snap, wifi


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["mesh"].values(), ids=SOUND["mesh"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded behind mesh control with no, one and two addresses, and where there is none."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["mesh"].values()], ids=SOUND["mesh"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "three addresses, which are reserved": (
        105,
        wifi(b"\3" + MESH[1:] + bytes(18) + snap(V4), 0x88, 3, bytes(6) + b"\0\1"),
        "not_ip",
    ),
    "mesh control to an access point": (105, wifi(MESH + snap(V4), 0x88, 0x01, b"\0\1"), "not_ip"),
    "mesh control that nothing announces": (105, wifi(MESH + snap(V4), 0x88, 0x03, bytes(8)), "not_ip"),
    "several packets": (105, wifi(MESH + snap(V4), 0x88, 0x03, bytes(6) + b"\x80\1"), "aggregated"),
    "an encrypted frame": (105, wifi(MESH + snap(V4), 0x88, 0x43, bytes(6) + b"\0\1"), "encrypted"),
    "an announcement without mesh control": (105, wifi(b"", 0x88, 0x03, bytes(6) + b"\0\1"), "link_cut"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """What no mesh station can have sent is not taken for mesh control."""
    assert refusal(frame, layer) == reason
