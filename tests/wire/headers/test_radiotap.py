"""Radiotap: the present fields, the padding of the 802.11 header, and frames that were received damaged."""

from __future__ import annotations

import pytest

from shodohflo.wire.decode import decode
from support.feeding import assert_sent, assert_survives_everything, found, refusal
from support.packets import frames_of, ip, udp
from support.sound import SOUND, V4, V6, WIFI_DATA, radiotap, snap, wifi


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["radiotap"].values(), ids=SOUND["radiotap"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The flags, wherever they are, decide whether the 802.11 header is padded."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["radiotap"].values()], ids=SOUND["radiotap"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "below its own": (127, b"\0\0\7\0\0\0\0\0" + WIFI_DATA, "link_cut"),
    "beyond the frame": (127, b"\0\0\xff\x7f\0\0\0\0" + WIFI_DATA, "link_cut"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_length_that_cannot_be_is_refused(layer: int, frame: bytes, reason: str) -> None:
    """A length below that of the fixed header or beyond the frame is refused as `link_cut`."""
    assert refusal(frame, layer) == reason


CHECK_FAILED, CHECK_SEQUENCE = b"\x40", b"\x10"

DAMAGED = {
    "the check": radiotap(WIFI_DATA, b"\2\0\0\0", CHECK_FAILED),
    "the check, of a padded frame with its sequence": radiotap(WIFI_DATA, b"\2\0\0\0", b"\x70"),
    "the check, after the time": radiotap(WIFI_DATA, b"\3\0\0\0", bytes(8) + CHECK_FAILED),
    "the check, after more words": radiotap(WIFI_DATA, b"\3\0\0\x80\0\0\0\0", bytes(12) + CHECK_FAILED),
    "the check, of a beacon": radiotap(wifi(bytes(40), 0x80), b"\2\0\0\0", CHECK_FAILED),
    "the receiver's": radiotap(WIFI_DATA, b"\0\x40\0\0", b"\2\0"),
    "the receiver's, after flags": radiotap(WIFI_DATA, b"\2\x40\0\0", b"\0\0\2\0"),
    "the receiver's, after everything": radiotap(
        WIFI_DATA, b"\xff\x7f\0\0", bytes(8) + bytes(2) + bytes(4) + bytes(14) + b"\2\0"
    ),
    "the receiver's, after a field that is aligned": radiotap(
        WIFI_DATA, b"\x0e\x40\0\0", bytes(2) + bytes(4) + b"\2\0"
    ),
}


@pytest.mark.parametrize("frame", DAMAGED.values(), ids=DAMAGED)
def test_a_frame_that_was_received_damaged_is_refused(frame: bytes) -> None:
    """A frame that failed its check, or that of its PLCP header, is refused, whatever else it is."""
    assert refusal(frame, 127) == "frame_check"


INTACT = {
    "all other flags": (b"\2\0\0\0", b"\x8f"),
    "all other flags of the receiver": (b"\0\x40\0\0", b"\xfd\xff"),
    "the same bit in other fields": (b"\xfc\x3f\0\0", b"\x42" * 20),
    "flags of the receiver that are not there": (b"\0\x40\0\0", b""),
    "flags of the receiver that are there by half": (b"\0\x40\0\0", b"\2"),
    "the bit in a word of another antenna": (b"\0\0\0\x80\2\0\0\0", b"\x40"),
}


@pytest.mark.parametrize(("present", "fields"), INTACT.values(), ids=INTACT)
def test_a_frame_is_damaged_by_no_other_bit(present: bytes, fields: bytes) -> None:
    """Only the flags of the first word say that a frame is damaged, and only those that are within the header."""
    assert found(radiotap(WIFI_DATA, present, fields), 127).ports == (40000, 53)


def test_a_check_sequence_at_the_end_is_no_part_of_the_packet() -> None:
    """A packet without a length of its own ends before the check sequence, if the flags announce one."""
    frame = wifi(snap(ip(udp(payload=bytes(8)), 17, length=0))) + b"\xfc" * 4

    assert found(radiotap(frame, b"\2\0\0\0", CHECK_SEQUENCE), 127).octets == 36
    assert found(radiotap(frame, b"\2\0\0\0", b"\0"), 127).octets == 40
    assert found(radiotap(frame, b"\2\0\0\0", CHECK_SEQUENCE)[:-9], 127, 9 + len(frame)).octets == 36


def test_a_check_sequence_is_not_taken_for_ports() -> None:
    """Four bytes that are the check sequence of a truncated datagram are not read as its ports."""
    frame = wifi(snap(ip(udp(), 17)[:20])) + b"\0\x35" * 2

    assert found(radiotap(frame), 127).ports == (53, 53)
    assert refusal(radiotap(frame, b"\2\0\0\0", CHECK_SEQUENCE), 127) == "udp_cut"


def test_each_frame_is_judged_by_its_own_flags() -> None:
    """Damaged, padded and other frames are not mixed up in one block."""
    padded = wifi(snap(V6, 0x86DD), 0x88, more=bytes(4))
    frames = [
        radiotap(WIFI_DATA),
        DAMAGED["the check"],
        radiotap(padded, b"\2\0\0\0", b"\x20"),
        DAMAGED["the receiver's"],
    ]

    decoded = decode(frames_of(*frames, *frames, layer=127))

    assert {batch.family: len(batch) for batch in decoded.batches} == {4: 2, 6: 2}
    assert decoded.refused == {"frame_check": 4}


def test_a_chain_of_present_words_ends_with_the_header() -> None:
    """A chain of present words that never ends is followed to the end of the header only."""
    endless = b"\3\0\0\x80" * 100

    assert found(radiotap(WIFI_DATA, endless), 127).ports == (40000, 53)


def test_fields_that_are_not_there_are_not_read() -> None:
    """Flags that are marked as present but lie outside the header are not read."""
    assert found(radiotap(WIFI_DATA, b"\2\0\0\0"), 127).ports == (40000, 53)
    assert found(radiotap(WIFI_DATA, b"\3\0\0\0", bytes(8)), 127).ports == (40000, 53)


def test_a_frame_with_properties_of_its_transmission_is_counted_as_sent() -> None:
    """The field of transmission flags is present only in frames that the host itself has sent."""
    assert_sent(radiotap(WIFI_DATA, b"\0\x80\0\0", b"\1\0"), 127, shown=8)
