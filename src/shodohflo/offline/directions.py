"""Notice captures that have both directions of a host's traffic, and cannot say which packets that host sent.

A live agent sees what is received. A capture made on a host usually has what it sent as well. Where its format marks
those packets, they are counted as `sent`; where it does not, they are counted like all others, and a note says so.

Only the first frames of a capture are looked at. Ethernet frames are taken for those of one host if every frame to a
single station comes from or goes to the same address. So captures at the mirror port of a switch are rarely mistaken
for it; those of a link between two stations may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.columns.merging import merge_packets
from shodohflo.wire.decode import decode
from shodohflo.wire.headers.ethernet import EthernetHeader
from shodohflo.wire.layers import EITHER_IP, ETHERNET
from shodohflo.wire.rows import Rows

if TYPE_CHECKING:
    from shodohflo.columns.batch import Batch
    from shodohflo.columns.frames import Frames

NOTE: Final = (
    "note: {} has both directions of a host's traffic, without marks of what that host sent: both are counted. "
    "An agent sees only what is received; tcpdump -Q in captures the same"
)

MOST: Final = 1 << 13
"""The most frames of a capture that are looked at."""

_RAW_IP: Final = (12, 14, EITHER_IP, 228, 229)
"""Link types of nothing but IP."""

_ADDRESS: Final = 6
_GROUP: Final = 1
"""The bit of an address's first byte that is set for broadcast and multicast."""


def has_both_directions(frames: Frames) -> bool:
    """Return whether the first of `frames` are both from and to one host, without marks of what it sent."""
    sample = frames[:MOST]
    if np.isin(sample.layer, _RAW_IP).all():
        return any(_goes_both_ways(merge_packets(batch)) for batch in decode(sample).batches)
    return _is_of_one_station(sample[(sample.layer == ETHERNET) & (sample.captured >= EthernetHeader.SIZE)])


def _is_of_one_station(frames: Frames) -> bool:
    """Return whether an Ethernet address is the source of some frames and the destination of all others."""
    octets = Rows.from_frames(frames).header(2 * _ADDRESS).octets
    octets = octets[octets[:, 0] & _GROUP == 0]
    if not len(octets):
        return False
    for station in (octets[0, :_ADDRESS], octets[0, _ADDRESS:]):
        received, sent = ((half == station).all(axis=1) for half in (octets[:, :_ADDRESS], octets[:, _ADDRESS:]))
        # On a loopback interface, which receives whatever it sends, both addresses are the same.
        if (received ^ sent).all() and received.any() and sent.any():
            return True
    return False


def _goes_both_ways(batch: Batch) -> bool:
    """Return whether there is a conversation with packets of either end."""
    ends = (batch.src_addr, batch.src_port), (batch.dst_addr, batch.dst_port)
    source, destination = (list(zip(*(values.tolist() for values in end), strict=True)) for end in ends)
    there = {pair for pair in zip(source, destination, strict=True) if pair[0] != pair[1]}
    return any((destination, source) in there for source, destination in there)
