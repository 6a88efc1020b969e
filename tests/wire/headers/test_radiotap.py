"""Radiotap: the present fields, and the padding of the 802.11 header."""

from __future__ import annotations

import pytest

from support.feeding import assert_sent, assert_survives_everything, found, refusal
from support.sound import SOUND, V4, V6, WIFI_DATA, radiotap


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
