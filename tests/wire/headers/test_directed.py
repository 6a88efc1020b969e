"""Link types with a leading byte for the direction."""

from __future__ import annotations

import pytest

from support.feeding import assert_sent, assert_survives_everything, found
from support.sound import SOUND, V4, V6


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["directed"].values(), ids=SOUND["directed"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded by the link type after the direction."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["directed"].values()], ids=SOUND["directed"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


@pytest.mark.parametrize(("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["directed"].values()])
def test_any_direction_but_0_means_sent(layer: int, frame: bytes) -> None:
    """A frame of any direction but 0 was sent by the capturing host, whatever follows."""
    for direction in (1, 2, 128, 255):
        assert_sent(bytes([direction]) + frame[1:], layer, shown=1)
