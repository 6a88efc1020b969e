"""The window: all bytes pass through it once and in order, as soon as they arrive."""

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
    """Return the reading end of a pipe, buffered like standard input, and its writing end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        yield reader, writer


class Failing(io.RawIOBase):
    """A stream that fails after its first bytes."""

    def __init__(self, data: bytes) -> None:
        """Return `data` from `read`, then fail."""
        self._data = data

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, or fail if there are none left."""
        if not self._data:
            raise OSError(5, "Input/output error")
        piece, self._data = self._data[:size], self._data[size:]
        return piece


def test_more_waits_for_what_is_needed_and_no_longer(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    """`more` does not wait for bytes beyond those it needs."""
    reader, writer = pipe
    window = Window(Stream(reader))
    writer.write(b"12345")

    assert window.more(0, 3)
    assert bytes(window.data) == b"12345"


def test_all_that_has_arrived_is_taken_together(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    """`more` takes all bytes that have arrived, however many writes they came in."""
    reader, writer = pipe
    window = Window(Stream(reader))
    for _ in range(5):
        writer.write(b"12345")

    assert window.more(0, 1)
    assert bytes(window.data) == b"12345" * 5


def test_a_stream_that_would_not_wait_is_made_to(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    """A non-blocking stream is made blocking, so that having no data yet is not taken for the end."""
    reader, _ = pipe
    os.set_blocking(reader.fileno(), False)

    Stream(reader)

    assert os.get_blocking(reader.fileno())


def test_the_end_is_told_together_with_what_is_left(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    """At the end, `more` is false and the bytes that are left are in the window."""
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
    """No byte is lost or repeated, whatever is used, whatever is needed, and however the bytes arrive."""
    window = Window(Stream(Drip(sent, step)))  # type: ignore[arg-type]  # typeshed: a raw stream is no BinaryIO
    done, need = 0, 1

    while window.more(done, need):
        assert bytes(window.data) == sent[window.offset : window.offset + len(window.data)]
        done = data.draw(st.integers(0, len(window.data)))
        need = len(window.data) - done + data.draw(st.integers(1, 9))

    assert bytes(window.data) == sent[window.offset :]


def test_a_window_grows_for_what_needs_it_and_keeps_no_more_than_a_chunk_beside() -> None:
    """A window grows if a record needs it, and otherwise reads at most one chunk."""
    sent = bytes(range(256)) * (3 * CHUNK // 256)
    window = Window(Stream(io.BytesIO(sent)))

    assert window.more(0, CHUNK + 5)
    assert bytes(window.data) == sent[: CHUNK + 5]
    assert window.more(CHUNK, 6)
    assert len(window.data) <= CHUNK
    assert bytes(window.data) == sent[CHUNK : CHUNK + len(window.data)]


def test_a_failure_comes_after_what_was_read_before_it() -> None:
    """The bytes before an error are available, and `failure` is the error."""
    window = Window(Stream(Failing(b"12345")))  # type: ignore[arg-type]  # typeshed: a raw stream is no BinaryIO

    assert not window.more(0, 6)
    assert bytes(window.data) == b"12345"
    assert str(window.failure) == "cannot be read: Input/output error"


def test_what_is_in_hand_can_be_given_on() -> None:
    """A window as a source returns its own bytes, then those of its source, then raises the error."""
    window = Window(Stream(Failing(b"1234567890")))  # type: ignore[arg-type]  # typeshed: as above
    window.more(0, 10)

    assert window.waiting()
    assert [window.read(4) for _ in range(3)] == [b"1234", b"5678", b"90"]
    with pytest.raises(CaptureError, match="Input/output error"):
        window.read(4)


def test_the_position_is_what_the_stream_has_given() -> None:
    """The position of a stream counts all bytes read, whether they have been used or not."""
    stream = Stream(io.BytesIO(b"12345"))
    Window(stream).more(0, 1)

    assert stream.position == 5


@pytest.mark.parametrize("used", [0, 3])
@pytest.mark.parametrize("count", [0, 2, 7, 40])
def test_bytes_are_skipped_wherever_they_are(used: int, count: int) -> None:
    """Bytes in memory and bytes not yet read are skipped alike, and the offset moves on by as many."""
    data = bytes(range(100))
    window = Window(Stream(Drip(data, 5)))  # type: ignore[arg-type]  # typeshed: a raw stream is no BinaryIO
    assert window.more(0, 8)

    assert window.skip(used, count) == 0

    assert window.more(0, 4)
    assert window.offset == used + count
    assert bytes(window.data[:4]) == data[used + count :][:4]


def test_bytes_that_are_missing_are_counted() -> None:
    """Of bytes to be skipped that the source does not have, the number is returned."""
    window = Window(Stream(Drip(bytes(10), 5)))  # type: ignore[arg-type]  # as above
    assert window.more(0, 8)

    assert window.skip(2, 20) == 12
    assert (window.offset, len(window.data)) == (10, 0)
