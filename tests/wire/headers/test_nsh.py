"""The network service header: metadata of both types, and each next protocol."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.packets import ethernet
from support.sound import ETHER, SOUND, V4, V6, nsh


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["nsh"].values(), ids=SOUND["nsh"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded behind metadata of either type, on Ethernet, in GRE, and behind another such header."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["nsh"].values()], ids=SOUND["nsh"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "another version": (ETHER, ethernet(b"\x4f\xc6" + nsh(V4, 1)[2:], 0x894F), "not_ip"),
    "a length below the header": (ETHER, ethernet(b"\x0f\xc1" + nsh(V4, 1)[2:], 0x894F), "not_ip"),
    "metadata beyond the frame": (ETHER, ethernet(b"\x0f\xff" + nsh(V4, 1)[2:], 0x894F), "ip_cut"),
    "in-situ OAM": (ETHER, ethernet(nsh(V4, 6), 0x894F), "not_ip"),
    "no end": (ETHER, ethernet(nsh(b"", 4) * 40, 0x894F), "too_deep"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Other versions, lengths and next protocols are refused."""
    assert refusal(frame, layer) == reason
