"""PPP: with and without framing, with compressed protocol field, over Ethernet and HDLC, and as pppd logs it."""

from __future__ import annotations

import pytest

from support.feeding import assert_sent, assert_survives_everything, found, refusal
from support.packets import ethernet, ip, udp
from support.sound import ETHER, SOUND, V4, V6


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["ppp"].values(), ids=SOUND["ppp"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded in every kind of framing."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["ppp"].values()], ids=SOUND["ppp"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "link control": (9, b"\xff\3\xc0\x21" + bytes(10), "not_ip"),
    "a later fragment": (9, b"\xff\3\0\x3d\x40\0\0\7" + V4, "later_fragment"),
    "a compressed datagram": (9, b"\xff\3\0\xfd" + bytes(10), "not_ip"),
    "a bridged token ring frame": (9, b"\xff\3\0\x31\0\3" + ethernet(V4), "not_ip"),
    "Cisco's keepalive": (50, b"\x8f\0\x80\x35" + bytes(18), "not_ip"),
    "PPPoE that is no session": (ETHER, ethernet(b"\x11\x09\0\0\0\x1e\0\x21" + V4, 0x8864), "not_ip"),
    "PPPoE's termination as a link type": (51, b"\x11\xa7\0\1\0\0" + bytes(20), "not_ip"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_ip_is_refused(layer: int, frame: bytes, reason: str) -> None:
    """Link control, PPPoE discovery, compressed datagrams and later fragments are refused, by reason."""
    assert refusal(frame, layer) == reason


@pytest.mark.parametrize("packet", [b"\0\x21" + V4, b"\x57" + V6, b"\xc0\x21"])
def test_a_packet_that_pppd_logs_as_outgoing_is_counted_as_sent(packet: bytes) -> None:
    """Where pppd logs the direction in the place of the address, 1 means sent, whatever the protocol."""
    assert_sent(b"\1\3" + packet, 166, shown=2)


@pytest.mark.parametrize("header", [b"\x80\0\0\7", b"\x81\7"])
def test_lengths_in_a_first_fragment_are_those_of_the_whole_packet(header: bytes) -> None:
    """A first fragment of a multilink is decoded although its packet is longer, with either sequence number."""
    whole = ip(udp(length=108), 17, length=128)

    assert found(b"\xff\3\0\x3d" + header + b"\0\x21" + whole, 9).octets == 128
