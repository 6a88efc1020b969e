"""The window: what has arrived is there at once, what has been dealt with is gone, and nothing is lost between."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.files.window import CHUNK, Stream, Window
from shodohflo.errors import CaptureError
from support.savefiles import Drip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Make a pipe: the end to read, buffered as standard input is, and the end to write."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        yield reader, writer


class Failing(io.RawIOBase):
    """A stream that breaks after its first bytes."""

    def __init__(self, data: bytes) -> None:
        """Give `data`, then fail."""
        self._data = data

    def read(self, size: int = -1, /) -> bytes:
        """Give what is there once."""
        if not self._data:
            raise OSError(5, "Input/output error")
        piece, self._data = self._data[:size], self._data[size:]
        return piece


def test_more_waits_for_what_is_needed_and_no_longer(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    """The other end is still open, and nothing else is coming."""
    reader, writer = pipe
    window = Window(Stream(reader))
    writer.write(b"12345")

    assert window.more(0, 3)
    assert bytes(window.data) == b"12345"


def test_all_that_has_arrived_is_taken_together(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    """However many times the other end wrote."""
    reader, writer = pipe
    window = Window(Stream(reader))
    for _ in range(5):
        writer.write(b"12345")

    assert window.more(0, 1)
    assert bytes(window.data) == b"12345" * 5


def test_a_stream_that_would_not_wait_is_made_to(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    """Else having nothing yet would look like the end."""
    reader, _ = pipe
    os.set_blocking(reader.fileno(), False)

    Stream(reader)

    assert os.get_blocking(reader.fileno())


def test_the_end_is_told_together_with_what_is_left(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    """Less than was needed, and then nothing."""
    reader, writer = pipe
    window = Window(Stream(reader))
    writer.write(b"12345")
    writer.close()

    assert not window.more(0, 6)
    assert bytes(window.data) == b"12345"
    assert not window.more(5, 1)
    assert (bytes(window.data), window.offset) == (b"", 5)


@given(st.binary(max_size=100), st.integers(1, 7), st.data())
def test_no_byte_is_lost_or_seen_twice(sent: bytes, step: int, data: st.DataObject) -> None:
    """Whatever is let go, whatever is needed, and however the bytes arrive."""
    window = Window(Stream(Drip(sent, step)))  # type: ignore[arg-type]  # typeshed: a raw stream is no BinaryIO
    done, need = 0, 1

    while window.more(done, need):
        assert bytes(window.data) == sent[window.offset : window.offset + len(window.data)]
        done = data.draw(st.integers(0, len(window.data)))
        need = len(window.data) - done + data.draw(st.integers(1, 9))

    assert bytes(window.data) == sent[window.offset :]


def test_a_window_grows_for_what_needs_it_and_keeps_no_more_than_a_chunk_beside() -> None:
    """Memory is bounded by the largest record and the chunk."""
    sent = bytes(range(256)) * (3 * CHUNK // 256)
    window = Window(Stream(io.BytesIO(sent)))

    assert window.more(0, CHUNK + 5)
    assert bytes(window.data) == sent[: CHUNK + 5]
    assert window.more(CHUNK, 6)
    assert len(window.data) <= CHUNK
    assert bytes(window.data) == sent[CHUNK : CHUNK + len(window.data)]


def test_a_failure_comes_after_what_was_read_before_it() -> None:
    """It looks like the end, and says what it was."""
    window = Window(Stream(Failing(b"12345")))  # type: ignore[arg-type]  # typeshed: a raw stream is no BinaryIO

    assert not window.more(0, 6)
    assert bytes(window.data) == b"12345"
    assert str(window.failure) == "cannot be read: Input/output error"


def test_what_is_in_hand_can_be_given_on() -> None:
    """A window is a source: first what it holds, then what its own source has, then its failure."""
    window = Window(Stream(Failing(b"1234567890")))  # type: ignore[arg-type]  # typeshed: as above
    window.more(0, 10)

    assert window.waiting()
    assert [window.read(4) for _ in range(3)] == [b"1234", b"5678", b"90"]
    with pytest.raises(CaptureError, match="Input/output error"):
        window.read(4)


def test_the_position_is_what_the_stream_has_given() -> None:
    """Whether it has been dealt with or not."""
    stream = Stream(io.BytesIO(b"12345"))
    Window(stream).more(0, 1)

    assert stream.position == 5
