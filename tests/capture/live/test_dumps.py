"""Answers of netlink are read whole, in parts, cut at every byte, and with rubbish in every place."""

from __future__ import annotations

import os
import socket
import struct
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.live import dumps
from shodohflo.capture.live.dumps import Dump, DumpError, DumpRequest, DumpSocket, Reading, runs

REQUEST: Final = DumpRequest(kind=22, body=bytes(8), answer=20, fixed=8)
DONE: Final = 3
ERROR: Final = 2
INTERRUPTED: Final = 0x10


def message(body: bytes, kind: int = 20, flags: int = 2, sequence: int = 7) -> bytes:
    """Return a message, padded as in a part of an answer."""
    whole = struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 99) + body
    return whole + bytes(-len(whole) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute, padded."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def done(number: int = 0) -> bytes:
    """Return the message that ends an answer."""
    return message(struct.pack("=i", number), DONE)


def read(*parts: bytes) -> Dump:
    """Read parts of an answer."""
    reading = Reading(REQUEST, 7)
    for part in parts:
        reading.take(part)
    return reading.dump()


def test_messages_of_several_lengths_and_parts_are_found_in_their_order() -> None:
    """Each message of the wanted kind is there once, wherever it was received, and others are not."""
    bodies = [bytes([number]) * length for number, length in enumerate((8, 8, 12, 8, 13, 9, 9))]
    first = b"".join(map(message, bodies[:4])) + message(b"", 1)
    second = b"".join(map(message, bodies[4:])) + done()

    found = read(first, second)

    assert found.byte(0).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert (found.stops - found.starts).tolist() == [16 + len(body) for body in bodies]


def test_an_answer_without_messages_is_empty() -> None:
    """A dump of nothing has no messages, and its columns have no rows."""
    found = read(done())

    assert len(found.byte(0)) == len(found.number(0)) == len(found.attribute(8, 1, 0)) == 0


def test_a_message_that_is_too_short_or_of_another_request_is_ignored() -> None:
    """The rest of an answer that was given up, and messages without the whole fixed part, are left out."""
    stray = message(b"strayed!", sequence=6) + message(struct.pack("=i", 0), DONE, sequence=6)

    found = read(stray, message(b"short"), message(b"complete") + done())

    assert found.byte(0).tolist() == [ord("c")]


@pytest.mark.parametrize("kind", [DONE, ERROR])
def test_the_reason_of_the_kernel_is_passed_on(kind: int) -> None:
    """An error of the kernel, as an answer of its own or at the end of a dump, is raised with its number and text."""
    with pytest.raises(DumpError, match="No such file") as raised:
        read(message(b"complete"), message(struct.pack("=i", -2), kind))

    assert raised.value.number == 2
    assert raised.value.is_unknown


def test_an_answer_that_is_too_large_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel sends is bounded, however many objects it has."""
    monkeypatch.setattr(dumps, "MOST_OCTETS", 1000)

    with pytest.raises(DumpError, match="more than 0 MB"):
        read(*[message(bytes(100))] * 10)


def test_attributes_are_found_where_they_are_in_each_message() -> None:
    """Attributes may come in any order and number; the first that is large enough counts."""
    bodies = [
        attribute(1, b"ab") + attribute(2, b"wxyz"),
        attribute(2, b"WXYZ"),
        attribute(1, b"abc"),
        attribute(2, b"w") + attribute(2, b"wxyz"),  # too short: the first of its kind
        attribute(0x8002, b"flag"),
        b"",
    ]

    found = read(*[message(bytes(8) + body) for body in bodies])
    places = found.attribute(8, 2, 4)

    assert [bytes(found.octets[place : place + 4]) if place >= 0 else None for place in places] == [
        b"wxyz",
        b"WXYZ",
        None,
        None,
        b"flag",
        None,
    ]


@pytest.mark.parametrize("length", [0, 3, 9, 0xFFFF])
def test_an_attribute_that_lies_about_its_length_is_none(length: int) -> None:
    """An attribute shorter than its header, or longer than its message, ends the search, not the message."""
    body = bytes(8) + struct.pack("=HH", length, 2) + b"wxyz"

    assert read(message(body), message(body)).attribute(8, 2, 4).tolist() == [-1, -1]


ANSWER: Final = message(bytes(8) + attribute(1, b"abc") + attribute(2, b"wxyz")) * 3 + message(bytes(12)) + done()


@pytest.mark.parametrize("length", range(len(ANSWER)))
def test_an_answer_cut_at_any_byte_is_an_error_or_goes_on(length: int) -> None:
    """Messages before the cut are read; a cut message is an error."""
    reading = Reading(REQUEST, 7)
    try:
        reading.take(ANSWER[:length])
    except DumpError:
        return
    found = reading.dump()

    assert not reading.is_done
    assert (found.stops <= length).all()


@given(st.data())
def test_rubbish_ends_with_an_error_or_with_messages_inside_it(data: st.DataObject) -> None:
    """Changed bytes never make a message or an attribute reach out of what was received."""
    octets = bytearray(ANSWER)
    for _ in range(data.draw(st.integers(1, 6))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    reading = Reading(REQUEST, 7)
    try:
        reading.take(bytes(octets))
    except DumpError:
        return
    found = reading.dump()

    assert (found.stops <= len(octets)).all()
    for kind in (1, 2):
        places = found.attribute(8, kind, 3)
        assert ((places == -1) | ((places >= found.starts + 28) & (places + 3 <= found.stops))).all()


@given(st.binary(max_size=200))
def test_any_bytes_are_walked_to_their_end(part: bytes) -> None:
    """Runs never overlap and never pass the end, whatever the bytes are."""
    at = 0
    try:
        for start, length, count in runs(part):
            assert start == at
            at = start + (length + 3) // 4 * 4 * count
    except DumpError:
        return

    assert at - 3 <= len(part) <= at


def test_a_run_longer_than_what_is_compared_at_once_is_whole() -> None:
    """Many equal messages in one part are all found."""
    assert len(read(message(bytes(8)) * 2000).starts) == 2000


class Scripted(DumpSocket):
    """A dump socket that is answered by the test through a socket pair."""

    def __init__(self) -> None:
        """Join both ends."""
        super().__init__(0)
        self._socket.close()
        self._socket, self.kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0.2)

    def _receive(self) -> bytes:
        return self._socket.recv(65536)

    def close(self) -> None:
        """Close both ends."""
        super().close()
        self.kernel.close()

    def answer(self, *parts: bytes) -> None:
        """Answer the request before it is made."""
        for part in parts:
            self.kernel.send(part)


def test_a_dump_that_changed_meanwhile_is_asked_for_again() -> None:
    """An answer that the kernel marks as inconsistent is not used."""
    scripted = Scripted()
    scripted.answer(
        message(b"doubtful", flags=2 | INTERRUPTED, sequence=1) + message(bytes(4), DONE, sequence=1),
        message(b"complete", sequence=2) + message(bytes(4), DONE, sequence=2),
    )

    found = scripted.dump(REQUEST)
    scripted.close()

    assert found.byte(0).tolist() == [ord("c")]


def test_a_dump_that_always_changes_is_given_up() -> None:
    """After some tries, an inconsistent answer is an error."""
    scripted = Scripted()
    for number in range(1, 5):
        scripted.answer(message(bytes(4), DONE, INTERRUPTED, number))

    with pytest.raises(DumpError, match="changed"):
        scripted.dump(REQUEST)
    scripted.close()


def test_a_kernel_that_does_not_answer_is_an_error_and_later_answers_are_read() -> None:
    """A wait is bounded, and what comes too late does not spoil the next answer."""
    scripted = Scripted()
    with pytest.raises(DumpError, match="timed out"):
        scripted.dump(REQUEST)
    scripted.answer(message(b"too late", sequence=1) + message(bytes(4), DONE, sequence=1))
    with pytest.raises(DumpError, match="timed out"):  # what was late is thrown away, and no answer has come yet
        scripted.dump(REQUEST)
    scripted._is_dirty = False
    scripted.answer(message(b"complete", sequence=3) + message(bytes(4), DONE, sequence=3))

    assert scripted.dump(REQUEST).byte(0).tolist() == [ord("c")]
    scripted.close()


def test_the_kernel_of_this_host_lists_its_addresses() -> None:
    """A real dump, of addresses, has messages; an unknown request has the reason of the kernel."""
    asking = DumpSocket(0)

    found = asking.dump(REQUEST)
    with pytest.raises(DumpError) as raised:
        asking.dump(DumpRequest(kind=1000, body=b"", answer=20, fixed=8))
    again = asking.dump(REQUEST)
    asking.close()

    assert raised.value.is_unknown
    assert found.starts.tolist() == again.starts.tolist()
    assert np.isin(found.byte(0), [socket.AF_INET, socket.AF_INET6]).all()


def test_a_closed_socket_is_an_error_with_a_reason() -> None:
    """Errors of the socket itself are raised as those of the kernel."""
    asking = DumpSocket(0)
    asking.close()

    with pytest.raises(DumpError, match=os.strerror(9)):
        asking.dump(REQUEST)
