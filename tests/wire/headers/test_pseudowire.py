"""Pseudowires: the frame is found with and without control word, and IP is not mistaken for one."""

from __future__ import annotations

import pytest

from shodohflo.wire.decode import decode
from support.feeding import assert_survives_everything, found, refusal
from support.packets import ethernet, frames_of, ip, tcp, udp
from support.sound import ETHER, LABEL, SOUND, V4, V6


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["pseudowire"].values(), ids=SOUND["pseudowire"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """Ethernet, PPP, Cisco HDLC and IP are found behind a label stack, with and without control word."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize("form", SOUND["pseudowire"])
def test_it_survives_cuts_rubbish_and_extremes(form: str) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises.

    No number names IP behind a control word: it is recognised by its length, unless a mirror has truncated the frame.
    """
    layer, _, frame = SOUND["pseudowire"][form]
    assert_survives_everything(frame, layer, mirrored=form != "IP")


def behind(frame: bytes) -> bytes:
    """Return an Ethernet frame with `frame` behind a stack of one label."""
    return ethernet(LABEL + frame, 0x8847)


REFUSED = {
    "ARP": (ETHER, behind(ethernet(bytes(28), 0x0806)), "not_ip"),
    "ARP behind a control word": (ETHER, behind(bytes(4) + ethernet(bytes(28), 0x0806)), "not_ip"),
    "spanning tree": (ETHER, behind(b"\1\x80\xc2" + bytes(9) + b"\0\x26\x42\x42\3" + bytes(35)), "not_ip"),
    "cells of ATM": (ETHER, behind(bytes(4) + b"\x5a" * 52), "not_ip"),
    "a message of an associated channel": (ETHER, behind(b"\x10\0\0\7" + bytes(24)), "not_ip"),
    "PPP that contradicts the version": (ETHER, behind(bytes(4) + b"\0\x57" + V4), "not_ip"),
    "HDLC that contradicts the version": (ETHER, behind(bytes(4) + b"\x0f\0\x86\xdd" + V4), "not_ip"),
    "IP that does not fit": (ETHER, behind(bytes(4) + ip(udp(), 17, length=2000)), "not_ip"),
    "a message too short for a packet": (ETHER, behind(b"\x10\0\x7f\xff"), "link_cut"),
    "less than a control word": (ETHER, behind(b"\0\0"), "link_cut"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """What is neither IP nor a frame that names IP is refused."""
    assert refusal(frame, layer) == reason


@pytest.mark.parametrize("first", range(256))
def test_a_frame_to_any_address_is_found_without_control_word(first: int) -> None:
    """The first byte of the destination does not matter, though 0, 1, 4 and 6 look like something else."""
    frame = bytes([first]) + b"\x21\x45\xff\xff\1\2\0\0\0\0\2\x08\0" + ip(tcp(), 6)

    (batch,) = decode(frames_of(behind(frame), layer=ETHER)).batches

    assert batch.dst_port.tolist() == [443]


@pytest.mark.parametrize("first", range(256))
def test_a_frame_to_any_address_is_found_behind_a_control_word(first: int) -> None:
    """Behind a control word, too, the destination does not matter."""
    frame = bytes([first]) + b"\x21\x45\xff\xff\1\2\0\0\0\0\2\x08\0" + ip(tcp(), 6)

    (batch,) = decode(frames_of(behind(b"\0\0\x12\x34" + frame), layer=ETHER)).batches

    assert batch.dst_port.tolist() == [443]


@pytest.mark.parametrize("source", ["8.0.69.1", "134.221.96.1", "129.0.8.0", "8.6.64.6"])
def test_ip_is_no_frame_whatever_its_addresses(source: str) -> None:
    """An address with the bytes of an EtherType does not make a frame of a packet whose lengths are right."""
    assert found(behind(ip(udp(), 17, source, "8.0.69.0")), ETHER).octets == len(V4)


def test_ip_that_was_cut_is_no_frame() -> None:
    """A packet of which too little was captured to look for an EtherType is refused as a packet."""
    assert refusal(behind(V4)[:30], ETHER, 200) == "ip_cut"
