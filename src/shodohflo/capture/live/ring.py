"""Read the kernel's ring as a table: each slot is a row, the status word a column, and no packet is copied.

The kernel (`TPACKET_V2`, Linux `Documentation/networking/packet_mmap.rst`) fills the slots in circular order, and hands
each to the reader by setting the lowest bit of its status word; writing 0 there returns it. `PacketSocket` provides the
memory; nothing here makes a system call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.frames import ETHERTYPE, Frames

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

    from numpy.typing import NDArray

SLOT_HEADER: Final = np.dtype(
    [
        # struct tpacket2_hdr (linux/if_packet.h)
        ("status", "=u4"),
        ("tp_len", "=u4"),
        ("tp_snaplen", "=u4"),
        ("tp_mac", "=u2"),
        ("tp_net", "=u2"),
        ("sec", "=u4"),
        ("nsec", "=u4"),
        ("vlan_tci", "=u2"),
        ("vlan_tpid", "=u2"),
        ("padding", "V4"),
        # struct sockaddr_ll, at the next multiple of 16
        ("family", "=u2"),
        ("protocol", ">u2"),
        ("ifindex", "=i4"),
        ("hatype", "=u2"),
        ("pkttype", "u1"),
        ("halen", "u1"),
        ("padding2", "V4"),
    ]
)
"""The header of a slot. The kernel moves the outer VLAN tag of a frame from its bytes to here."""

READY: Final = 1
"""`TP_STATUS_USER`: the slot belongs to the reader."""

BATCH: Final = 32768
"""The most frames yielded at once; bounds the memory needed to decode them."""

_FIRST_LOOK: Final = 256
_IEEE80211: Final = 801
_RADIO_LINKTYPES: Final = np.array([105, 119, 127], np.uint32)
# ARPHRD_IEEE80211, _PRISM and _RADIOTAP (linux/if_arp.h) are 801 to 803; an interface of such a type is in
# monitor mode, and the kernel has not consumed the link header: its layer is the LINKTYPE_ number.


@dataclass(slots=True)
class Ring:
    """The slots of one ring, and the index of the next one to read."""

    memory: NDArray[np.uint8]
    slots: NDArray[np.uint8]
    """The same bytes, one row for each slot."""
    status: NDArray[np.uint32]
    """The first word of each slot."""
    next: int = 0
    received: int = 0
    """Frames yielded, and their slots returned, since the ring was created."""

    @classmethod
    def over(cls, memory: mmap | bytearray, slot_octets: int) -> Ring:
        """Return the ring in `memory`, whose slots have `slot_octets` bytes each."""
        octets = np.frombuffer(memory, np.uint8)
        slots = octets.reshape(-1, slot_octets)
        return cls(octets, slots, slots.view(np.uint32)[:, 0])

    @property
    def slot_count(self) -> int:
        """The number of slots: the most frames that the ring holds."""
        return len(self.status)

    def frames(self) -> Iterator[Frames]:
        """Yield the ready frames, oldest first; they are valid, and their slots taken, until the next are requested.

        Frames that arrive meanwhile wait for the next call: otherwise a busy link would be read in many small pieces.
        If the caller stops early, the next call yields its last frames again.
        """
        handed_out = 0
        while handed_out < self.slot_count:
            count = self._ready()
            if count == 0:
                return
            yield self._columns(slice(self.next, self.next + count))
            self._give_back(count)
            handed_out += count
            cut_at_the_end, cut_at_its_bound = self.next == 0, count == BATCH
            if not (cut_at_the_end or cut_at_its_bound):
                return

    def _ready(self) -> int:
        """Return the number of consecutive ready slots from the next one on, up to the ring's end or `BATCH`."""
        # Reading a status word is a cache miss. So few are read at first, and more only if all of them were ready: an
        # almost empty ring is cheap.
        looked, step = 0, _FIRST_LOOK
        while looked < BATCH:
            at = self.next + looked
            status = self.status[at : min(at + step, self.next + BATCH)]
            taken = np.flatnonzero((status & READY) == 0)
            if len(taken):
                return looked + int(taken[0])
            if len(status) < step:
                return looked + len(status)
            looked, step = looked + step, 2 * step
        return looked

    def _give_back(self, count: int) -> None:
        """Return the next `count` slots to the kernel."""
        self.status[self.next : self.next + count] = 0
        self.next = (self.next + count) % len(self.status)
        self.received += count

    def _columns(self, rows: slice) -> Frames:
        """Return the frames in `rows` without copying their bytes."""
        # A header is smaller than a cache line: after one copy, reading its fields costs little.
        header = self.slots[rows, : SLOT_HEADER.itemsize].copy().view(SLOT_HEADER)[:, 0]
        radio_type = header["hatype"] - np.uint16(_IEEE80211)  # wraps around below 801
        is_radio = radio_type < len(_RADIO_LINKTYPES)
        layer = header["protocol"].astype(np.uint32) + np.uint32(ETHERTYPE)
        offset = header["tp_net"].astype(np.int64)
        if is_radio.any():
            layer[is_radio] = _RADIO_LINKTYPES[radio_type[is_radio]]
            offset[is_radio] = header["tp_mac"][is_radio]
        return self._place(rows, header, offset, layer)

    def _place(self, rows: slice, header: NDArray[Any], offset: NDArray[np.int64], layer: NDArray[np.uint32]) -> Frames:
        """Return the frames in `rows`, which begin at `offset` in their slots."""
        slot_octets = self.slots.shape[1]
        link_header = offset - header["tp_mac"]
        return Frames(
            buffer=self.memory,
            start=np.arange(rows.start, rows.stop, dtype=np.int64) * slot_octets + offset,
            captured=np.maximum(header["tp_snaplen"] - link_header, 0),
            original=np.maximum(header["tp_len"] - link_header, 0),
            layer=layer,
            time=header["sec"] * np.int64(1_000_000_000) + header["nsec"],
        )
