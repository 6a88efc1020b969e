"""Frames: columns of positions in one buffer, which is shared and never copied."""

from __future__ import annotations

import numpy as np

from shodohflo.columns.frames import ETHERTYPE, Frames
from support.packets import frames_of


def contents(frames: Frames) -> list[bytes]:
    """Return the bytes of each frame."""
    ends = zip(frames.start.tolist(), (frames.start + frames.captured).tolist(), strict=True)
    return [frames.buffer[start:end].tobytes() for start, end in ends]


def test_some_frames_lie_in_the_same_buffer() -> None:
    """Chosen frames share the buffer, so that no byte is copied."""
    frames = frames_of(b"one", b"four", b"", b"eleven", guard=b"--")

    assert contents(frames) == [b"one", b"four", b"", b"eleven"]
    assert contents(frames[1:3]) == [b"four", b""]
    assert contents(frames.keep(frames.captured > 3)) == [b"four", b"eleven"]
    assert frames[1:3].buffer is frames.keep(frames.captured > 3).buffer is frames.buffer


def test_a_slice_of_frames_copies_no_column() -> None:
    """A slice of frames shares its columns, so that the pipeline can divide blocks without copying."""
    frames = frames_of(b"one", b"four")

    assert np.shares_memory(frames[:1].time, frames.time)


def test_frames_of_one_buffer_are_concatenated_over_it() -> None:
    """Parts of one buffer are concatenated in their order, without copying the buffer."""
    frames = frames_of(b"one", b"four", b"eleven")

    joined = Frames.concatenate([frames[:1], frames[1:1], frames[1:]])

    assert contents(joined) == contents(frames)
    assert joined.buffer is frames.buffer


def test_no_link_type_is_mistaken_for_an_ethertype() -> None:
    """LINKTYPE_ numbers have 16 bits, so an EtherType starts above them and fits the column."""
    assert ETHERTYPE > 0xFFFF
    assert np.iinfo(Frames.empty(np.zeros(0, np.uint8)).layer.dtype).max >= ETHERTYPE + 0xFFFF
