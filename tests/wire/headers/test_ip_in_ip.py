"""IP in IP in all four combinations of versions, and MPLS and Ethernet in IP."""

from __future__ import annotations

import pytest

from shodohflo.wire.decode import decode
from shodohflo.wire.decoding import MAX_DEPTH
from support.feeding import Found, assert_survives_everything, found, refusal
from support.packets import frames_of, ip, udp
from support.sound import RAW, SOUND, V4, V6, A, B, fragment


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["ip_in_ip"].values(), ids=SOUND["ip_in_ip"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The innermost packet is the one that is decoded."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["ip_in_ip"].values()], ids=SOUND["ip_in_ip"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "IPv6 said, IPv4 inside": (RAW, ip(V4 + bytes(20), 41), "ip_version"),
    "IPv4 said, IPv6 inside": (RAW, ip(V6, 4), "ip_version"),
    "nothing inside": (RAW, ip(b"", 4), "ip_cut"),
    "EtherIP without its header": (RAW, ip(b"\x30", 97), "tunnel_cut"),
    "SCTP inside": (RAW, ip(ip(bytes(20), 132), 4), "protocol"),
    "ESP inside": (RAW, ip(ip(bytes(20), 50), 4), "encrypted"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_lie_inside_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """The inner packet is checked like an outer one and refused with the same reasons."""
    assert refusal(frame, layer) == reason


def test_a_first_fragment_around_a_whole_packet_is_opened() -> None:
    """A tunnel in a first fragment is decoded, although the inner packet continues in later fragments."""
    inner = ip(udp(length=1408), 17, length=1428)

    assert found(ip(inner, 4, fragment=0x2000), RAW) == Found(4, (40000, 53), 1428)
    assert found(ip(fragment(4, more=True) + inner, 44, A, B), RAW) == Found(4, (40000, 53), 1428)
    assert refusal(ip(inner, 4, fragment=1), RAW) == "later_fragment"


@pytest.mark.parametrize(
    ("inner", "protocol"), [(ip(udp(), 17, length=1400), 4), (ip(udp(), 17, A, B, length=1360), 41)]
)
def test_what_is_inside_may_be_longer_than_what_is_around_it(inner: bytes, protocol: int) -> None:
    """The sender of a tunnel may have truncated its packet, as mirrors do: the inner length is believed."""
    assert found(ip(inner, protocol), RAW).octets == 1400
    assert found(ip(inner, protocol, A, B), RAW).octets == 1400


NO_LENGTH = ip(udp(payload=bytes(100)), 17, length=0)


@pytest.mark.parametrize("packet", [ip(NO_LENGTH, 4), ip(NO_LENGTH, 4, length=0), ip(NO_LENGTH, 4, fragment=0x2000)])
def test_an_inner_length_of_zero_means_the_rest_of_the_outer_packet(packet: bytes) -> None:
    """An inner packet without a length has the bytes up to the end of the outer one, even if that is a fragment."""
    assert found(packet, RAW).octets == 128


def test_each_kind_has_its_name() -> None:
    """Opened tunnels are counted by kind."""
    frames = [frame for name, (_, _, frame) in SOUND["ip_in_ip"].items() if name != "six deep"]

    decoded = decode(frames_of(*frames))

    assert decoded.opened == {"ipip": 1, "6in4": 1, "4in6": 2, "6in6": 2, "mpls": 2, "etherip": 2, "ethernet": 3}


def test_depth_is_bounded() -> None:
    """Each tunnel counts as a header towards `MAX_DEPTH`; deeper ones are refused as `too_deep`."""
    packet = V4
    for depth in range(1, 60):
        packet = ip(packet, 4)
        decoded = decode(frames_of(packet))

        # The raw link layer and the innermost IP header count too.
        assert bool(decoded.batches) == (2 * depth + 2 <= MAX_DEPTH)
        assert decoded.refused == ({} if decoded.batches else {"too_deep": 1})
