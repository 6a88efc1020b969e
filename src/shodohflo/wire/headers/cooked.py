"""Linux cooked captures (tcpdump.org, LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2): what `-i any` writes.

v1: 2 bytes packet type, 2 ARPHRD, 2 address length, 8 address, 2 protocol: 16 in all.
v2: 2 bytes protocol, 2 reserved, 4 interface index, 2 ARPHRD, 1 packet type, 1 address length, 8 address: 20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import FRAME_RELAY, RADIOTAP, WIFI
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_NETLINK = 824
_WITHOUT_PROTOCOL: Final = {770: FRAME_RELAY, 801: WIFI, 803: RADIOTAP}
"""ARPHRD_ numbers (linux/if_arp.h) of devices whose packets are of one layer, whatever the protocol says."""


def cooked_v1(decoding: Decoding[Any], rows: Rows) -> None:
    """Read the protocol at the header's end."""
    rows = decoding.require(rows, 16, Refusal.LINK_CUT)
    _by_device(decoding, rows.advance(16), rows.u16(2), rows.u16(14))


def cooked_v2(decoding: Decoding[Any], rows: Rows) -> None:
    """Read the protocol at the header's beginning."""
    rows = decoding.require(rows, 20, Refusal.LINK_CUT)
    _by_device(decoding, rows.advance(20), rows.u16(8), rows.u16(0))


def _by_device(decoding: Decoding[Any], rows: Rows, device: NDArray[np.uint16], protocol: NDArray[np.uint16]) -> None:
    """Go on with the protocol, an EtherType or one of the kernel's small numbers; some devices have another layer."""
    usual = ~np.isin(device, [*_WITHOUT_PROTOCOL, _NETLINK])
    decoding.dispatch(rows.keep(usual), ETHERTYPE, protocol[usual])
    for number, layer in _WITHOUT_PROTOCOL.items():
        decoding.next_header(rows.keep(device == number), layer)
    decoding.refuse(rows.keep(device == _NETLINK), Refusal.NOT_IP)
