"""Link types with a leading byte for the direction."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found
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
def test_no_direction_makes_a_difference(layer: int, frame: bytes) -> None:
    """The value of the direction changes no result."""
    assert {found(bytes([direction]) + frame[1:], layer) for direction in range(256)} == {found(frame, layer)}
