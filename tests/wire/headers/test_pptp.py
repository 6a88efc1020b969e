"""Enhanced GRE: PPP of PPTP, with each optional field, and Ethernet over IP."""

from __future__ import annotations

import pytest

from shodohflo.wire.decode import decode
from support.feeding import assert_survives_everything, found, refusal
from support.packets import frames_of, ip
from support.sound import RAW, SOUND, V4, V6, pptp


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["pptp"].values(), ids=SOUND["pptp"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded behind each combination of optional fields, and with PPP compressed or not."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["pptp"].values()], ids=SOUND["pptp"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "an acknowledgement without payload": (RAW, pptp(b"", 0x2081, bytes(4)), "protocol"),
    "a keepalive of Ethernet over IP": (RAW, ip(b"\x20\1\x64\0\0\0\0\7", 47), "protocol"),
    "another protocol": (RAW, ip(b"\x20\1\x08\0\0\x1c\0\7" + V4, 47), "protocol"),
    "encryption of MPPE": (RAW, pptp(b"\0\xfd\x90\0" + bytes(40), 0x3001, bytes(4)), "not_ip"),
    "encryption of MPPE, compressed": (RAW, pptp(b"\xfd\x90\0" + bytes(40), 0x3001, bytes(4)), "not_ip"),
    "link control": (RAW, pptp(b"\xff\3\xc0\x21\1\1\0\4", 0x3001, bytes(4)), "not_ip"),
    "a later fragment of multilink": (RAW, pptp(b"\0\x3d\x40\0\0\7" + V4, 0x3001, bytes(4)), "later_fragment"),
    "version 2": (RAW, ip(b"\x20\2\x88\x0b\0\x1c\0\7" + V4, 47), "protocol"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Packets without payload, of other versions, encrypted or without IP are refused."""
    assert refusal(frame, layer) == reason


def test_a_tunnel_is_counted_by_its_name() -> None:
    """PPP counts as a packet of `pptp`, Ethernet over IP as one of `eoip`, and what carries nothing as none."""
    frames = [frame for _, _, frame in SOUND["pptp"].values()] + [pptp(b"", 0x2081, bytes(4))]

    assert decode(frames_of(*frames)).opened == {"pptp": 5, "eoip": 1}
