"""IPv6: every extension header in any order, fragments, jumbograms, and contradictory headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.decode import decode
from shodohflo.wire.headers.ipv6 import AuthenticationHeader, ExtensionHeader, FragmentHeader, Ipv6Header
from shodohflo.wire.rows import Rows
from support.feeding import Found, assert_survives_everything, found, refusal
from support.packets import frames_of, ip, tcp, udp
from support.sound import SOUND, A, B, extension, fragment

LIVE = ETHERTYPE + 0x86DD


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["ipv6"].values(), ids=SOUND["ipv6"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded behind any chain of extension headers."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["ipv6"].values()], ids=SOUND["ipv6"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


JUMBO = bytes([6, 0, 0xC2, 4, 0, 1, 0x11, 0x94])
"""A hop-by-hop header before TCP, with the jumbo payload option: 70,036 bytes (RFC 2675 section 2)."""

READABLE = {
    "plain": (ip(tcp(), 6, A, B), 60),
    "padding after the packet": (ip(tcp(), 6, A, B) + bytes(18), 60),
    "payload length zero": (ip(tcp(payload=bytes(40)), 6, A, B, length=0), 100),
    "a jumbogram": (ip(JUMBO + tcp(payload=bytes(70_008)), 0, A, B, length=0), 70_076),
    "a payload length beyond the frame": (ip(tcp(), 6, A, B, length=21), 61),
    "the largest payload length": (ip(tcp(), 6, A, B, length=65_535), 65_575),
    "an extension header, and a payload length beyond the frame": (ip(extension(6) + tcp(), 0, A, B, length=900), 940),
    "payload length zero, and TCP that goes on beyond the frame": (ip(tcp(words=8), 6, A, B, length=0), 60),
    "the longest that is none": (ip(tcp(payload=bytes(65_515)), 6, A, B), 65_575),
    "an atomic fragment": (ip(fragment(6) + tcp(), 44, A, B), 68),
    "a first fragment of a header that goes on": (ip(fragment(6, more=True) + tcp(words=15), 44, A, B), 68),
    "the longest extension header": (ip(extension(6, 255) + tcp(), 60, A, B), 40 + 2048 + 20),
}


@pytest.mark.parametrize(("packet", "octets"), READABLE.values(), ids=READABLE)
def test_a_packet_has_the_bytes_of_its_payload_length_and_forty(packet: bytes, octets: int) -> None:
    """A packet has 40 bytes more than its payload length; 0 (jumbogram, offload) means the length of the frame."""
    assert found(packet, LIVE) == Found(6, (40000, 443), octets)


def test_a_first_fragment_may_begin_the_longest_datagram() -> None:
    """In a first fragment, the UDP length is checked against the longest packet: 65,535 bytes behind the header."""
    longest = 65_535 - 8

    assert found(ip(fragment(17, more=True) + udp(length=longest), 44, A, B), LIVE).octets == 56
    assert refusal(ip(fragment(17, more=True) + udp(length=longest + 1), 44, A, B), LIVE) == "udp_length"


@given(st.lists(st.sampled_from([0, 43, 44, 51, 60, 135, 139, 140]), max_size=12), st.data())
def test_extension_headers_may_stand_in_any_order(chain: list[int], data: st.DataObject) -> None:
    """Extension headers of any length are decoded in any order."""
    built, after = b"", 17
    for kind in reversed(chain):
        built = _header(kind, after, data.draw(st.integers(0, 3))) + built
        after = kind

    assert found(ip(built + udp(), after, A, B), LIVE) == Found(6, (40000, 53), 48 + len(built))


REFUSED = {
    "another version": (LIVE, b"\x45" + ip(tcp(), 6, A, B)[1:], "ip_version"),
    "UDP longer than a payload length beyond the frame": (
        LIVE,
        ip(udp(length=501), 17, A, B, length=500),
        "udp_length",
    ),
    "no payload length, and padding instead of UDP": (LIVE, ip(bytes(6), 17, A, B, length=0), "udp_length"),
    "an extension header longer than the frame": (LIVE, ip(extension(6, 9)[:20], 60, A, B, length=600), "tcp_cut"),
    "an extension header longer than the packet": (LIVE, ip(extension(17, 9)[:20], 60, A, B, length=80), "udp_length"),
    "authentication longer than the frame": (LIVE, ip(b"\x11\x09" + bytes(9), 51, A, B, length=600), "udp_cut"),
    "a payload length below the segment": (LIVE, ip(tcp(), 6, A, B, length=19), "tcp_length"),
    "a later fragment": (LIVE, ip(fragment(6, 1) + tcp(), 44, A, B), "later_fragment"),
    "the furthest fragment": (LIVE, ip(fragment(6, 0x1FFF, more=True) + tcp(), 44, A, B), "later_fragment"),
    "ICMP": (LIVE, ip(bytes(20), 1, A, B), "protocol"),
    "SCTP": (LIVE, ip(bytes(20), 132, A, B), "protocol"),
    "no next header": (LIVE, ip(b"", 59, A, B), "protocol"),
    "ESP": (LIVE, ip(bytes(40), 50, A, B), "encrypted"),
    "ESP behind an extension header": (LIVE, ip(extension(50) + bytes(40), 60, A, B), "encrypted"),
    "an extension header that is not there": (LIVE, ip(b"", 0, A, B), "extension_cut"),
    "a fragment header that is not there": (LIVE, ip(bytes(7), 44, A, B), "extension_cut"),
    "an extension header beyond the packet": (LIVE, ip(extension(6, 200)[:8] + tcp(), 0, A, B), "tcp_length"),
    "forty extension headers": (LIVE, ip(extension(60) * 40, 60, A, B), "too_deep"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_an_unsound_packet_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Each kind of malformed or unsupported packet is refused with its own reason."""
    assert refusal(frame, layer) == reason


def test_addresses_are_sixteen_bytes() -> None:
    """Addresses are 16 bytes, also those that end with zeros."""
    (batch,) = decode(frames_of(ip(udp(), 17, "::", "ff02::"))).batches

    assert batch.src_addr.tobytes() == bytes(16)
    assert batch.dst_addr.tobytes() == b"\xff\x02" + bytes(14)


def _header(kind: int, after: int, units: int) -> bytes:
    if kind == 44:
        return fragment(after)
    if kind == 51:
        return bytes([after, 2 * units + 1]) + bytes(8 * units + 10)
    return extension(after, units)


def test_the_fields_stand_where_rfc_8200_has_them() -> None:
    """Each field of an IPv6 header is read; the payload length is in bytes."""
    packet = bytes.fromhex("60000000 0019 2c 40") + bytes(range(32))

    header = Ipv6Header.of(Rows.from_frames(frames_of(packet)))

    assert (header.version.tolist(), header.payload_length.tolist()) == ([6], [25])
    assert header.next_header.tolist() == [44]
    assert (header.src_addr.tobytes(), header.dst_addr.tobytes()) == (bytes(range(16)), bytes(range(16, 32)))


def test_the_fields_of_extension_headers_have_their_places() -> None:
    """The length counts 8-byte units minus 1, in authentication headers 4-byte units minus 2; fragments have none."""
    rows = Rows.from_frames(frames_of(bytes.fromhex("11 02 0009 12345678")))

    assert ExtensionHeader.of(rows).length.tolist() == [24]
    assert AuthenticationHeader.of(rows).length.tolist() == [16]
    fragment = FragmentHeader.of(rows)
    assert (fragment.is_first.tolist(), fragment.has_more.tolist()) == ([False], [True])
    for header in (ExtensionHeader.of(rows), AuthenticationHeader.of(rows), fragment):
        assert header.next_header.tolist() == [17]
