"""WCCP in GRE: packets with the redirect header of version 2, and without it."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.packets import ip, udp
from support.sound import RAW, SOUND, V4, V6, gre


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["wccp"].values(), ids=SOUND["wccp"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The packet is decoded in both versions, whatever the flags of the redirect header."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["wccp"].values()], ids=SOUND["wccp"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "flags that nobody has assigned": (RAW, gre(b"\x81\0\0\0" + V4, 0x883E), "ip_version"),
    "a redirect header before neither version": (RAW, gre(bytes(24), 0x883E), "ip_version"),
    "nothing": (RAW, gre(b"", 0x883E), "tunnel_cut"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """What is neither IP nor a redirect header before IP is refused."""
    assert refusal(frame, layer) == reason


def test_a_packet_with_options_is_no_redirect_header() -> None:
    """The longest header of IPv4, which begins with 4F, is taken for version 1."""
    assert found(gre(ip(udp(), 17, options=40), 0x883E), RAW).ports == (40000, 53)
