"""The kernel's ring as a table: each slot is a row, the status word a column, the bytes stay where they are.

The kernel (`TPACKET_V2`, Linux `Documentation/networking/packet_mmap.rst`) fills slots in order, round and
round, and gives each to the reader by setting the lowest bit of its status word; writing 0 there gives it
back. `PacketSocket` makes the memory; nothing here makes a system call.
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
"""How a slot begins. A VLAN tag that the kernel took off (the outer one) stands here and not among the bytes."""

READY: Final = 1
"""`TP_STATUS_USER`: the slot is the reader's."""

BATCH: Final = 32768
"""Frames handed out at once, at most: bounds the memory of what is decoded from them."""

_FIRST_LOOK: Final = 256
_IEEE80211: Final = 801
_RADIO_LINKTYPES: Final = np.array([105, 119, 127], np.uint32)
# ARPHRD_IEEE80211, _PRISM and _RADIOTAP (linux/if_arp.h) are 801 to 803; an interface of such a type is in
# monitor mode, and the kernel has read none of its link header: the LINKTYPE_ number says what it is.


@dataclass(slots=True)
class Ring:
    """The slots of one ring, and which of them is the next."""

    memory: NDArray[np.uint8]
    slots: NDArray[np.uint8]
    """The same bytes, one row for each slot."""
    status: NDArray[np.uint32]
    """The first word of each slot."""
    next: int = 0
    received: int = 0
    """Frames handed out and given back since the ring was made."""

    @classmethod
    def over(cls, memory: mmap | bytearray, slot_octets: int) -> Ring:
        """Lay the table over `memory`, whose slots have `slot_octets` bytes each."""
        octets = np.frombuffer(memory, np.uint8)
        slots = octets.reshape(-1, slot_octets)
        return cls(octets, slots, slots.view(np.uint32)[:, 0])

    @property
    def slot_count(self) -> int:
        """How many frames it holds."""
        return len(self.status)

    def frames(self) -> Iterator[Frames]:
        """Yield what is ready, oldest first; each is valid, and its slots taken, until the next is asked for.

        What arrives while a batch is dealt with waits for the next call: else a busy link would be read in
        many small batches. A caller who stops half-way finds the frames it was given last again the next time.
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
        """Count the ready slots in a row from the next one on, up to the ring's end or a full batch."""
        # Looking further only where all was ready keeps an almost empty ring cheap: each look at a status
        # word is a cache miss.
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
        """Describe the frames in `rows` where they lie."""
        # A header is less than a cache line: one copy, and its columns cost nothing more.
        header = self.slots[rows, : SLOT_HEADER.itemsize].copy().view(SLOT_HEADER)[:, 0]
        radio_type = header["hatype"] - np.uint16(_IEEE80211)  # wraps round below 801
        is_radio = radio_type < len(_RADIO_LINKTYPES)
        layer = header["protocol"].astype(np.uint32) + np.uint32(ETHERTYPE)
        offset = header["tp_net"].astype(np.int64)
        if is_radio.any():
            layer[is_radio] = _RADIO_LINKTYPES[radio_type[is_radio]]
            offset[is_radio] = header["tp_mac"][is_radio]
        return self._place(rows, header, offset, layer)

    def _place(self, rows: slice, header: NDArray[Any], offset: NDArray[np.int64], layer: NDArray[np.uint32]) -> Frames:
        """Put the columns together; frames begin at `offset` in their slots."""
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
