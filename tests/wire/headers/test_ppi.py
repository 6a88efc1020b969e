"""PPI: a header before a frame of any link type."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.sound import SOUND, V4, V6, WIFI_DATA, ppi


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
    "itself for ever": (192, ppi(b"", 192) * 40, "too_deep"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_it_cannot_lead_to_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """An inner link type without a decoder is refused by its name, and a malformed length as `link_cut`."""
    assert refusal(frame, layer) == reason
