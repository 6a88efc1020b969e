"""Frames made of packets, checked with scapy as an independent decoder."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP as ICMP4
from scapy.layers.inet import IP
from scapy.layers.inet import TCP as TCP_LAYER
from scapy.layers.inet import UDP as UDP_LAYER
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6

from shodohflo.analysis.frame import RAW, to_bytes, to_frames
from shodohflo.model import ICMP, TCP
from shodohflo.rules.packet import Packet
from shodohflo.wire.decode import decode
from support.made_packets import packets


@given(packets())
def test_another_decoder_reads_what_the_probe_says(packet: Packet) -> None:
    """An independent decoder, scapy, reads the same addresses, ports and flags."""
    read = (IP if packet.src_addr.version == 4 else IPv6)(to_bytes(packet))

    assert (ip_address(read.src), ip_address(read.dst)) == (packet.src_addr, packet.dst_addr)
    if packet.protocol == ICMP:
        message = read[ICMP4 if packet.src_addr.version == 4 else ICMPv6DestUnreach]
        quoted = message.payload
        assert (message.type, message.code) == ((3, 3) if packet.src_addr.version == 4 else (1, 4))
        assert (ip_address(quoted.src), ip_address(quoted.dst)) == (packet.dst_addr, packet.src_addr)
        assert (quoted.sport, quoted.dport) == (packet.dst_port, packet.src_port)
        return
    segment = read[TCP_LAYER if packet.protocol == TCP else UDP_LAYER]
    assert (segment.sport, segment.dport) == (packet.src_port, packet.dst_port)
    if packet.protocol == TCP:
        assert int(segment.flags) == packet.tcp_flags


@given(st.lists(packets(), max_size=8))
def test_our_own_decoder_refuses_none(several: list[Packet]) -> None:
    """Every packet that can be written as text can be decoded."""
    decoded = decode(to_frames(several))

    rows = sum(map(len, decoded.batches)) + sum(map(len, decoded.messages))
    assert not decoded.refused
    assert rows == len(several)


def test_frames_stand_one_after_the_other() -> None:
    """Frames follow each other in the buffer, as raw IP of full length."""
    several = [Packet.from_text("10.0.0.1:1 > 10.0.0.2:2 udp"), Packet.from_text("[::1]:1 > [::2]:2 tcp")]

    frames = to_frames(several)

    assert frames.start.tolist() == [0, 28]
    assert frames.captured.tolist() == frames.original.tolist() == [28, 60]
    assert set(frames.layer.tolist()) == {RAW}
    assert len(to_frames([])) == 0
