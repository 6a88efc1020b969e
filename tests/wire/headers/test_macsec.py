"""MACsec: what is protected only is decoded, what is encrypted is refused."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.packets import ethernet, ip, udp
from support.sound import ETHER, SOUND, V4, V6, macsec


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["macsec"].values(), ids=SOUND["macsec"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded with and without SCI, with a short length, and around and behind VLAN tags."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["macsec"].values()], ids=SOUND["macsec"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer, trailer=16)


REFUSED = {
    "encrypted": (ETHER, macsec(V4, tci=0x0C), "encrypted"),
    "encrypted, with SCI": (ETHER, macsec(V4, tci=0x2C, sci=bytes(8)), "encrypted"),
    "changed": (ETHER, macsec(V4, tci=0x04), "encrypted"),
    "for the key agreement": (ETHER, macsec(V4, tci=0x08), "encrypted"),
    "ARP": (ETHER, macsec(bytes(28), 0x0806), "not_ip"),
    "a frame without room for the check value": (ETHER, ethernet(bytes(6) + b"\x08\0" + V4[:8], 0x88E5), "ip_cut"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Encrypted and changed frames are refused as such, and frames without IP as `not_ip`."""
    assert refusal(frame, layer) == reason


def test_the_integrity_check_value_is_no_payload() -> None:
    """An empty IPv6 length, which stands for the rest of the frame, ends before the integrity check value."""
    endless = ip(udp(length=0), 17, "2001:db8::1", "2001:db8::2", length=0)

    assert found(macsec(endless, 0x86DD), ETHER).octets == len(endless)


def test_a_short_length_leaves_out_padding() -> None:
    """The length of short user data leaves out the padding of a short frame, not only the integrity check value."""
    endless = ip(udp(length=0), 17, length=0)

    assert found(macsec(endless, short=2 + len(endless)) + bytes(20), ETHER).octets == len(endless)
