"""Marks of the capture file: they decide about a frame before any of its bytes is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shodohflo.columns.frames import FAILED_CHECK, SENT
from shodohflo.wire.decode import decode
from support.feeding import assert_sent, refusal
from support.packets import ethernet, frames_of
from support.sound import ETHER, V4

FRAMES = {"sound": ethernet(V4), "rubbish": b"rubbish", "empty": b""}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_frame_marked_as_sent_is_counted_as_sent(frame: bytes) -> None:
    """A frame with the mark is sent, whatever its bytes are."""
    assert_sent(frame, SENT, shown=0)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_frame_that_failed_its_check_is_refused(frame: bytes) -> None:
    """A frame with the mark is refused as `frame_check`, whatever its bytes are."""
    assert refusal(frame, FAILED_CHECK) == "frame_check"


def test_marked_frames_do_not_disturb_those_around_them() -> None:
    """Frames with and without marks may alternate."""
    layers = np.tile(np.array([ETHER, SENT, FAILED_CHECK, ETHER], np.uint32), 500)

    decoded = decode(replace(frames_of(*[ethernet(V4)] * len(layers)), layer=layers))

    assert (sum(map(len, decoded.batches)), decoded.sent, decoded.refused) == (1000, 500, {"frame_check": 500})
