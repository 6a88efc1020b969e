"""IPv4: options, fragments, lengths, and contradictory headers."""

from __future__ import annotations

import pytest

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.decode import decode
from shodohflo.wire.headers.ipv4 import Ipv4Header
from shodohflo.wire.rows import Rows
from support.feeding import Found, assert_survives_everything, found, refusal
from support.packets import frames_of, ip, tcp, udp
from support.sound import SOUND, authentication, extension

LIVE = ETHERTYPE + 0x0800


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["ipv4"].values(), ids=SOUND["ipv4"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded behind options and an authentication header."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["ipv4"].values()], ids=SOUND["ipv4"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


READABLE = {
    "options": (ip(tcp(), 6, options=40), 80),
    "total length zero": (ip(tcp(payload=bytes(100)), 6, length=0), 140),
    "padding after the packet": (ip(tcp(), 6) + bytes(18), 40),
    "authenticated": (ip(authentication(6) + tcp(), 51), 64),
    "a first fragment": (ip(tcp(), 6, fragment=0x2000), 40),
    "a first fragment of a header that goes on": (ip(tcp(words=15), 6, fragment=0x2000), 40),
    "not to be fragmented": (ip(tcp(), 6, fragment=0x4000), 40),
    "the bit that must be zero": (ip(tcp(), 6, fragment=0x8000), 40),
    "a total length beyond the frame": (ip(tcp(), 6, length=41), 41),
    "the largest total length": (ip(tcp(), 6, length=65_535), 65_535),
    "options, and a total length beyond the frame": (ip(tcp(), 6, options=40, length=1500), 1500),
    "a header of TCP that goes on beyond the frame": (ip(tcp(words=15), 6, length=1500), 1500),
    "total length zero, and TCP that goes on beyond the frame": (ip(tcp(words=8), 6, length=0), 40),
    "the longest": (ip(tcp(payload=bytes(65_495)), 6), 65_535),
}


@pytest.mark.parametrize(("packet", "octets"), READABLE.values(), ids=READABLE)
def test_a_packet_has_the_bytes_of_its_total_length(packet: bytes, octets: int) -> None:
    """A packet has the bytes of its total length; 0, from segmentation offload, means the length of the frame."""
    assert found(packet, LIVE) == Found(4, (40000, 443), octets)


REFUSED = {
    "another version": (LIVE, b"\x65" + ip(tcp(), 6)[1:], "ip_version"),
    "version 0": (LIVE, b"\x05" + ip(tcp(), 6)[1:], "ip_version"),
    "a header of 16 bytes": (LIVE, ip(tcp(), 6, words=4), "ip_header_length"),
    "a header of none": (LIVE, ip(tcp(), 6, words=0), "ip_header_length"),
    "a header longer than the packet": (LIVE, ip(b"", 6, words=15), "ip_length"),
    "a header longer than the packet, and there": (LIVE, ip(bytes(40), 6, words=15, length=59), "ip_length"),
    "a header longer than the frame": (LIVE, ip(b"", 6, words=15, length=1500), "ip_cut"),
    "no total length, and a header longer than the frame": (LIVE, ip(b"", 6, words=15, length=0), "ip_cut"),
    "a total length below the header's": (LIVE, ip(tcp(), 6, length=19), "ip_length"),
    "a total length below the options": (LIVE, ip(tcp(), 6, options=8, length=27), "ip_length"),
    "UDP longer than a total length beyond the frame": (LIVE, ip(udp(length=481), 17, length=500), "udp_length"),
    "TCP longer than a total length beyond the frame": (LIVE, ip(tcp(words=7), 6, length=47), "tcp_length"),
    "no total length, and padding instead of UDP": (LIVE, ip(bytes(6), 17, length=0), "udp_length"),
    "a later fragment": (LIVE, ip(tcp(), 6, fragment=0x2001), "later_fragment"),
    "the last fragment": (LIVE, ip(tcp(), 6, fragment=185), "later_fragment"),
    "the furthest fragment": (LIVE, ip(tcp(), 6, fragment=0x1FFF), "later_fragment"),
    "SCTP": (LIVE, ip(bytes(20), 132), "protocol"),
    "ICMPv6": (LIVE, ip(bytes(20), 58), "protocol"),
    "an extension header": (LIVE, ip(extension(6) + tcp(), 60), "protocol"),
    "ESP": (LIVE, ip(bytes(40), 50), "encrypted"),
    "an authentication header that is not there": (LIVE, ip(b"", 51), "extension_cut"),
    "an authentication header beyond the packet": (LIVE, ip(b"\6\xff" + bytes(22) + tcp(), 51), "tcp_length"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_an_unsound_packet_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Each kind of malformed or unsupported packet is refused with its own reason."""
    assert refusal(frame, layer) == reason


def test_addresses_are_numbers() -> None:
    """Addresses are 32-bit numbers, also those that end with zeros."""
    (batch,) = decode(frames_of(ip(udp(), 17, "1.2.3.4", "255.0.0.0"))).batches

    assert (batch.src_addr.tolist(), batch.dst_addr.tolist()) == ([0x01020304], [0xFF000000])


def test_padding_is_not_taken_for_payload() -> None:
    """Padding after a packet is not decoded, even if it looks like a UDP header."""
    assert refusal(ip(b"", 17) + udp(), LIVE) == "udp_length"


def test_a_snap_length_may_cut_the_payload_away() -> None:
    """A packet has the bytes of its total length, however few were captured or mirrored."""
    packet = ip(tcp(payload=bytes(1000)), 6)

    for original in (34, 100, 1040, 1046):
        assert found(packet[:34], LIVE, original).octets == 1040
        assert refusal(packet[:33], LIVE, original) == "tcp_cut"


def test_a_total_length_of_zero_in_a_cut_frame_means_all_that_was_sent() -> None:
    """A total length of 0 means the original length of the frame, even if the frame was truncated."""
    decoded = decode(frames_of(ip(tcp(), 6, length=0), original=70_000))

    assert [batch.octets.tolist() for batch in decoded.batches] == [[70_000]]


def test_the_fields_stand_where_rfc_791_has_them() -> None:
    """Each field of a first fragment's 24-byte header is read; lengths are in bytes, the offset in units of 8 bytes."""
    packet = bytes.fromhex("46000032 1234 2005 4011 0000 0a000001 0a000002 00000000")

    header = Ipv4Header.of(Rows.from_frames(frames_of(packet)))

    assert header.version_and_length.tolist() == [0x46]
    assert (header.version.tolist(), header.header_length.tolist()) == ([4], [24])
    assert (header.total_length.tolist(), header.protocol.tolist()) == ([50], [17])
    assert (header.is_fragment.tolist(), header.fragment_offset.tolist()) == ([True], [5])
    assert (header.src_addr.tolist(), header.dst_addr.tolist()) == ([0x0A000001], [0x0A000002])
