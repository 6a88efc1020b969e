"""Cisco HDLC: an EtherType after address and control."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.sound import SOUND, V4, V6


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["hdlc"].values(), ids=SOUND["hdlc"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded for each value of the address."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["hdlc"].values()], ids=SOUND["hdlc"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "a keepalive (SLARP)": (104, b"\x8f\0\x80\x35" + bytes(18), "not_ip"),
    "CDP": (104, b"\x8f\0\x20\0" + bytes(18), "not_ip"),
    "OSI": (104, b"\x0f\0\xfe\xfe\3" + bytes(18), "not_ip"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_ip_is_refused(layer: int, frame: bytes, reason: str) -> None:
    """Keepalives, CDP and OSI are refused as `not_ip`."""
    assert refusal(frame, layer) == reason
