"""GRE: its optional fields, its payloads, and the three ERSPAN types."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import GRE

from shodohflo.wire.decode import decode
from support.feeding import Found, assert_survives_everything, found, refusal, ways_out
from support.packets import ethernet, frames_of, ip, udp
from support.sound import RAW, SOUND, V4, V6, gre


class Flags(NamedTuple):
    """The optional fields that are present."""

    checksum: int
    key: int
    sequence: int


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["gre"].values(), ids=SOUND["gre"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded behind any of the optional fields checksum, key and sequence number."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["gre"].values()], ids=SOUND["gre"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


def deep(depth: int) -> bytes:
    """Return `depth` GRE headers around a packet, each in IPv4."""
    packet = V4
    for _ in range(depth):
        packet = gre(packet, 0x0800)
    return packet


REFUSED = {
    "routing": (RAW, gre(V4, 0x0800, 0x4000, bytes(8)), "protocol"),
    "version 1, PPTP": (RAW, gre(b"\0\x21" + V4, 0x880B, 0x3001, bytes(8)), "protocol"),
    "a keepalive": (RAW, gre(b"", 0), "not_ip"),
    "another protocol": (RAW, gre(bytes(40), 0x2000), "not_ip"),
    "fields beyond the packet": (RAW, gre(b"", 0x0800, 0xB000, bytes(11)), "tunnel_cut"),
    "ERSPAN II without its header": (RAW, gre(bytes(7), 0x88BE, 0x1000, bytes(4)), "tunnel_cut"),
    "ERSPAN III without its header": (RAW, gre(bytes(11), 0x22EB, 0x1000, bytes(4)), "tunnel_cut"),
    "forty tunnels": (RAW, deep(40), "too_deep"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Source routing and PPTP are refused as `protocol`, other payloads and truncated headers with their reasons."""
    assert refusal(frame, layer) == reason


@pytest.mark.parametrize(
    ("about", "reason"),
    [(b"\x18", "frame_check"), (b"\xff", "frame_check"), (b"\x08", None), (b"\x10", None), (b"\xe7", None)],
)
def test_a_frame_that_was_mirrored_damaged_is_refused(about: bytes, reason: str | None) -> None:
    """ERSPAN III says of a frame that it was bad; a short or oversized one is decoded, as is a truncated one."""
    frame = gre(b"\x20\7" + about + bytes(9) + ethernet(V4), 0x22EB, 0x1000, bytes(4))

    if reason is None:
        assert found(frame, RAW).ports == (40000, 53)
    else:
        assert refusal(frame, RAW) == reason


@pytest.mark.parametrize(
    ("version", "protocol", "header"),
    [(1, 0x88BE, b""), (2, 0x88BE, b"\x10\7\4" + bytes(5)), (3, 0x22EB, b"\x20\7\4" + bytes(9))],
)
def test_a_mirrored_frame_may_be_truncated(version: int, protocol: int, header: bytes) -> None:
    """The mirrored packet has the bytes of its IP length, although the switch mirrors only its beginning."""
    flags, number = (0, b"") if version == 1 else (0x1000, bytes(4))
    mirrored = ethernet(ip(udp(payload=bytes(1372)), 17))

    for size in (38, 64, 128):
        assert found(gre(header + mirrored[:size], protocol, flags, number), RAW) == Found(4, (40000, 53), 1400)
    assert refusal(gre(header + mirrored[:37], protocol, flags, number), RAW) == "udp_cut"


def test_tunnels_are_counted_beside_the_packet() -> None:
    """A packet is counted once, and each of its tunnels as `gre` or `erspan`."""
    frames = [frame for _, _, frame in SOUND["gre"].values()]

    decoded = decode(frames_of(*frames))

    mirrored = sum(name.startswith("ERSPAN") for name in SOUND["gre"])
    assert sum(map(len, decoded.batches)) == len(frames)
    # GRE in GRE counts twice.
    assert decoded.opened == {"gre": len(frames) - mirrored + 1, "erspan": mirrored}
    assert not ways_out(decoded.inside)


@pytest.mark.parametrize("flags", [Flags(c, k, s) for c in (0, 1) for k in (0, 1) for s in (0, 1)], ids=str)
def test_packets_of_an_independent_builder_are_read(flags: Flags) -> None:
    """Packets that scapy builds are decoded with every combination of the optional fields."""
    inner = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=40000, dport=53)
    header = GRE(chksum_present=flags.checksum, key_present=flags.key, seqnum_present=flags.sequence)

    assert found(bytes(IP() / header / inner), RAW) == Found(4, (40000, 53), 28)
