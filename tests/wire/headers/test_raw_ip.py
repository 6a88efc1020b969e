"""Raw IP: nothing before it, the version tells the family."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.sound import RAW, SOUND, V4, V6


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["raw_ip"].values(), ids=SOUND["raw_ip"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """Also under the numbers that old writers used."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["raw_ip"].values()], ids=SOUND["raw_ip"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """Cut short at each byte it is refused as cut, rubbish after it changes nothing, no field's value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "version 5": (RAW, b"\x50" + bytes(39), "ip_version"),
    "zeros": (14, bytes(40), "ip_version"),
    "nothing": (12, b"", "link_cut"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_neither_version_is_refused(layer: int, frame: bytes, reason: str) -> None:
    """There is nothing else that it could be."""
    assert refusal(frame, layer) == reason
