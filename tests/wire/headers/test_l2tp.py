"""L2TP version 3 over IP: the Ethernet frame is found behind cookies and sublayers of any size."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.packets import ethernet, ip
from support.sound import RAW, SOUND, V4, V6


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["l2tp"].values(), ids=SOUND["l2tp"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The frame is found at each of the four places at which it can begin."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["l2tp"].values()], ids=SOUND["l2tp"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "a control message": (RAW, ip(bytes(4) + b"\xc8\3\0\x14" + bytes(16), 115), "protocol"),
    "ARP": (RAW, ip(b"\0\0\0\7" + ethernet(bytes(28), 0x0806), 115), "not_ip"),
    "PPP": (RAW, ip(b"\0\0\0\7\xff\3\0\x21" + V4, 115), "protocol"),
    "a frame further on": (RAW, ip(b"\0\0\0\7" + bytes(16) + ethernet(V4), 115), "protocol"),
    "an EtherType that contradicts the version": (RAW, ip(b"\0\0\0\7" + ethernet(V4, 0x86DD), 115), "protocol"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Control messages and sessions without a frame that can be recognised are refused as `protocol`; ARP is found."""
    assert refusal(frame, layer) == reason
