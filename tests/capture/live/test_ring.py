"""The ring yields every frame once, in order and without copying, and returns the slots."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.live.ring import BATCH, READY, SLOT_HEADER, Ring
from shodohflo.columns.frames import ETHERTYPE

SLOT_OCTETS = 128
_TP_NET = 80
_ETHERNET = 14


@dataclass
class Kernel:
    """The kernel's side of a ring, written from its documentation: fills free slots in order."""

    slots: int
    memory: bytearray = field(init=False)
    next: int = 0

    def __post_init__(self) -> None:
        """Create a ring of free slots."""
        self.memory = bytearray(self.slots * SLOT_OCTETS)

    def deliver(self, payload: bytes, *, protocol: int = 0x0800, hatype: int = 1, link_header: int = _ETHERNET) -> bool:
        """Put a frame into the next slot and return whether it was free; otherwise drop the frame."""
        at = self.next * SLOT_OCTETS
        header = np.frombuffer(self.memory, SLOT_HEADER, 1, at)
        if header["status"][0] & READY:
            return False
        captured = payload[: SLOT_OCTETS - _TP_NET]
        header["tp_len"] = len(payload) + link_header
        header["tp_snaplen"] = len(captured) + link_header
        header["tp_mac"], header["tp_net"] = _TP_NET - link_header, _TP_NET
        header["sec"], header["nsec"] = 1_700_000_000, 999_999_999
        header["protocol"], header["hatype"] = protocol, hatype
        self.memory[at + _TP_NET : at + _TP_NET + len(captured)] = captured
        header["status"] = READY | 0x20000080
        self.next = (self.next + 1) % self.slots
        return True


def read(ring: Ring) -> list[bytes]:
    """Return the captured bytes of every frame that is ready."""
    return [
        frames.buffer[start : start + captured].tobytes()
        for frames in ring.frames()
        for start, captured in zip(frames.start.tolist(), frames.captured.tolist(), strict=True)
    ]


def test_a_frame_is_described_where_it_lies() -> None:
    """A frame's position, lengths, layer and time are those of its network layer, and its bytes are not copied."""
    kernel = Kernel(slots=4)
    ring = Ring.over(kernel.memory, SLOT_OCTETS)
    kernel.deliver(b"a network layer", protocol=0x86DD)

    [frames] = ring.frames()

    assert frames.layer.tolist() == [ETHERTYPE + 0x86DD]
    assert frames.start.tolist() == [_TP_NET]
    assert frames.captured.tolist() == frames.original.tolist() == [15]
    assert frames.time.tolist() == [1_700_000_000_999_999_999]
    assert np.shares_memory(frames.buffer, np.frombuffer(kernel.memory, np.uint8))


def test_a_long_frame_keeps_its_original_length() -> None:
    """A frame that does not fit into its slot is truncated and keeps its original length."""
    kernel = Kernel(slots=4)
    ring = Ring.over(kernel.memory, SLOT_OCTETS)
    kernel.deliver(bytes(1000))

    [frames] = ring.frames()

    assert frames.captured.tolist() == [SLOT_OCTETS - _TP_NET]
    assert frames.original.tolist() == [1000]


def test_columns_have_the_types_of_the_seam() -> None:
    """The columns have the types of `Frames`: 64-bit positions and lengths, 32-bit layers."""
    kernel = Kernel(slots=4)
    ring = Ring.over(kernel.memory, SLOT_OCTETS)
    kernel.deliver(b"x")

    [frames] = ring.frames()

    columns = (frames.start, frames.captured, frames.original, frames.time)
    assert {column.dtype for column in columns} == {np.dtype(np.int64)}
    assert frames.buffer.dtype == np.uint8
    assert frames.layer.dtype == np.uint32


@pytest.mark.parametrize(("hatype", "linktype"), [(801, 105), (802, 119), (803, 127)])
def test_a_wi_fi_monitor_hands_out_the_whole_link_header(hatype: int, linktype: int) -> None:
    """Frames of an interface in monitor mode include the link header, and their layer is its LINKTYPE_ number."""
    kernel = Kernel(slots=4)
    ring = Ring.over(kernel.memory, SLOT_OCTETS)
    kernel.deliver(b"ordinary")
    kernel.deliver(b"radio", protocol=4, hatype=hatype, link_header=8)

    [frames] = ring.frames()

    assert frames.layer.tolist() == [ETHERTYPE + 0x0800, linktype]
    assert frames.start.tolist() == [_TP_NET, SLOT_OCTETS + _TP_NET - 8]
    assert frames.original.tolist() == [8, 5 + 8]


@pytest.mark.parametrize("hatype", [0, 1, 772, 800, 804, 65534])
def test_other_link_types_begin_at_the_network_layer(hatype: int) -> None:
    """Frames of all other interface types begin at the network layer, whose EtherType is their layer."""
    kernel = Kernel(slots=1)
    ring = Ring.over(kernel.memory, SLOT_OCTETS)
    kernel.deliver(b"x", hatype=hatype)

    [frames] = ring.frames()

    assert frames.layer.tolist() == [ETHERTYPE + 0x0800]


def test_an_empty_ring_hands_out_nothing() -> None:
    """An empty ring yields no frames at all, not an empty table."""
    ring = Ring.over(Kernel(slots=4).memory, SLOT_OCTETS)

    assert list(ring.frames()) == []


def test_a_slot_stays_taken_until_the_next_frames_are_asked_for() -> None:
    """The kernel cannot reuse a slot until the next frames are requested."""
    kernel = Kernel(slots=1)
    ring = Ring.over(kernel.memory, SLOT_OCTETS)
    kernel.deliver(b"first")
    reading = ring.frames()

    next(reading)
    refused = kernel.deliver(b"second")
    list(reading)
    taken = kernel.deliver(b"third")

    assert (refused, taken) == (False, True)
    assert read(ring) == [b"third"]


def test_frames_whose_reader_failed_are_handed_out_again() -> None:
    """Frames whose reader stopped before requesting the next ones are yielded again and counted once."""
    kernel = Kernel(slots=4)
    ring = Ring.over(kernel.memory, SLOT_OCTETS)
    kernel.deliver(b"kept")

    next(ring.frames())

    assert ring.received == 0
    assert read(ring) == [b"kept"]
    assert ring.received == 1


def test_what_arrives_meanwhile_waits_for_the_next_look() -> None:
    """Frames that arrive during a look are left for the next one."""
    kernel = Kernel(slots=8)
    ring = Ring.over(kernel.memory, SLOT_OCTETS)
    kernel.deliver(b"first")

    looks = []
    for frames in ring.frames():
        looks.append(len(frames))
        kernel.deliver(b"meanwhile")

    assert looks == [1]
    assert read(ring) == [b"meanwhile"]


def test_a_look_goes_on_past_the_end_of_the_ring() -> None:
    """A look continues at the beginning of the ring, with separate frames for the part before its end."""
    kernel = Kernel(slots=8)
    ring = Ring.over(kernel.memory, SLOT_OCTETS)
    ring.next = kernel.next = 5
    while kernel.deliver(b"flood"):
        pass

    assert [len(frames) for frames in ring.frames()] == [3, 5]


def test_a_look_ends_although_the_kernel_refills_what_was_given_back() -> None:
    """A look ends after one round, even if the kernel refills the returned slots."""
    kernel = Kernel(slots=8)
    ring = Ring.over(kernel.memory, SLOT_OCTETS)
    while kernel.deliver(b"flood"):
        pass

    for _frames in ring.frames():
        while kernel.deliver(b"flood"):
            pass

    assert ring.received == 8


def test_a_batch_is_bounded() -> None:
    """At most `BATCH` frames are yielded at once."""
    kernel = Kernel(slots=2 * BATCH)
    ring = Ring.over(kernel.memory, SLOT_OCTETS)
    ring.status[:] = READY

    sizes = [len(frames) for frames in ring.frames()]

    assert sizes == [BATCH, BATCH]


@given(st.sampled_from([1, 2, 8, 1024]), st.lists(st.tuples(st.integers(0, 1500), st.booleans()), max_size=12))
def test_every_frame_is_handed_out_once_and_in_order(slots: int, bursts: list[tuple[int, bool]]) -> None:
    """Every frame is yielded once and in order, whatever the bursts and wherever the ring ends."""
    kernel = Kernel(slots)
    ring = Ring.over(kernel.memory, SLOT_OCTETS)
    delivered: list[bytes] = []
    found: list[bytes] = []

    for burst, then_read in bursts:
        for _ in range(burst):
            payload = len(delivered).to_bytes(4, "big")
            if kernel.deliver(payload):
                delivered.append(payload)
        if then_read:
            found += read(ring)
    found += read(ring)

    assert found == delivered
    assert ring.received == len(delivered)
    assert not (ring.status & READY).any()
