"""PPI: a header before a frame of any link type, and fields that say how the frame was received."""

from __future__ import annotations

import struct

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.packets import ethernet, ip, udp
from support.sound import SOUND, V4, V6, WIFI_DATA, ppi, snap, wifi


def field(kind: int, value: bytes) -> bytes:
    """Return a field of a PPI header."""
    return struct.pack("<HH", kind, len(value)) + value


def common(flags: int) -> bytes:
    """Return the field 802.11-Common: time, flags, rate and channel, signal."""
    return field(2, bytes(8) + struct.pack("<H", flags) + bytes(10))


def extension(flags: int, errors: int) -> bytes:
    """Return the field 802.3-Extension."""
    return field(9, struct.pack("<II", flags, errors))


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["ppi"].values(), ids=SOUND["ppi"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded behind any PPI fields."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["ppi"].values()], ids=SOUND["ppi"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "a link type that we do not read": (192, ppi(bytes(20), 271), "link_type[VSOCK]"),
    "a link type beyond all": (192, ppi(bytes(20), 1 << 31), "link_type[beyond]"),
    "an EtherType in its place": (192, ppi(V4, 0x10800), "link_type[beyond]"),
    "a length below its own": (192, b"\0\0\7\0\x69\0\0\0" + WIFI_DATA, "link_cut"),
    "a length beyond the frame": (192, b"\0\0\xff\xff\x69\0\0\0" + WIFI_DATA, "link_cut"),
    "itself": (192, ppi(ppi(WIFI_DATA), 192), "too_deep"),
    "itself for ever": (192, ppi(b"", 192) * 40, "too_deep"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_it_cannot_lead_to_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """An inner link type without a decoder is refused by its name, itself as too deep, a malformed length as cut."""
    assert refusal(frame, layer) == reason


ALIGNED = b"\0\1"
"""Version and flags of a header whose fields are padded."""

DAMAGED = {
    "failed check": ppi(WIFI_DATA, fields=common(0x0004)),
    "error of the radio": ppi(WIFI_DATA, fields=common(0x0008)),
    "both": ppi(WIFI_DATA, fields=common(0xFFFF)),
    "after other fields": ppi(WIFI_DATA, fields=field(3, bytes(12)) + field(30002, bytes(7)) + common(4)),
    "after a padded field": ALIGNED + ppi(WIFI_DATA, fields=field(30002, bytes(7)) + b"\0" + common(4))[2:],
    "failed check of Ethernet": ppi(ethernet(V4), 1, extension(0, 1)),
    "sequence, symbol and data errors of Ethernet": ppi(ethernet(V4), 1, extension(0, 0xE)),
    "a link type that is not decoded": ppi(bytes(20), 271, common(4)),
}


@pytest.mark.parametrize("frame", DAMAGED.values(), ids=DAMAGED)
def test_a_frame_that_was_received_damaged_is_refused(frame: bytes) -> None:
    """A frame is refused if 802.11-Common or 802.3-Extension says that it was received with errors."""
    assert refusal(frame, 192) == "frame_check"


INTACT = {
    "all other flags": common(0xFFF2),
    "all flags of Ethernet, and no errors": extension(0xFFFFFFFE, 0),
    "the same bits in a field of another type": field(5, b"\x0c" * 20),
    "a field too short for its flags": field(2, b"\x0c" * 9),
    "a field that goes on beyond the header": common(4)[:13],
    "a padded field in a header that says it is not": field(30002, bytes(7)) + b"\0" + common(4),
    "more fields than there are types": field(5, b"") * 20 + common(4),
}


@pytest.mark.parametrize("fields", INTACT.values(), ids=INTACT)
def test_a_frame_is_damaged_by_nothing_else(fields: bytes) -> None:
    """No other field, and no field that is not whole, says that a frame is damaged."""
    assert found(ppi(WIFI_DATA, fields=fields), 192).ports == (40000, 53)


@pytest.mark.parametrize("frame", [DAMAGED["failed check"], DAMAGED["failed check of Ethernet"]])
def test_a_damaged_frame_is_refused_at_every_cut(frame: bytes) -> None:
    """A frame that was cut before it says that it is damaged is refused as cut, and later as damaged."""
    reasons = [refusal(frame[:size], 192, len(frame)) for size in range(len(frame))]

    damaged = reasons.index("frame_check")
    assert set(reasons[:damaged]) == {"link_cut"}
    assert set(reasons[damaged:]) == {"frame_check"}


@pytest.mark.parametrize(
    ("link_type", "fields", "before"),
    [(105, common(1), wifi(snap(b""))), (1, extension(1, 0), ethernet(b""))],
    ids=["802.11", "Ethernet"],
)
def test_a_check_sequence_at_the_end_is_no_part_of_the_packet(link_type: int, fields: bytes, before: bytes) -> None:
    """A packet without a length of its own ends before the check sequence, if a field announces one."""
    frame = before + ip(udp(payload=bytes(8)), 17, length=0) + b"\xfc" * 4

    assert found(ppi(frame, link_type, fields), 192).octets == 36
    assert found(ppi(frame, link_type), 192).octets == 40
