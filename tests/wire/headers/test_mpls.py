"""MPLS: labels down to the bottom of the stack."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.packets import ethernet
from support.sound import ETHER, SOUND, V4, V6


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["mpls"].values(), ids=SOUND["mpls"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is recognised by its first four bits, because no field of the stack names it."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["mpls"].values()], ids=SOUND["mpls"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "a pseudowire of cells": (ETHER, ethernet(b"\0\1\1\x40" + bytes(4) + b"\x5a" * 52, 0x8847), "not_ip"),
    "nothing behind the bottom": (ETHER, ethernet(b"\0\1\1\x40", 0x8847), "link_cut"),
    "no bottom": (ETHER, ethernet(bytes(4 * 40), 0x8847), "too_deep"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_ip_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """A pseudowire, a stack without payload and a stack without bottom are refused with their reasons."""
    assert refusal(frame, layer) == reason
