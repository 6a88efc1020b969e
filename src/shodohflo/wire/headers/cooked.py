"""Linux cooked captures (tcpdump.org, LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2), as `tcpdump -i any` writes them.

v1  0  packet type    2  ARPHRD_ number of the device    4  address length    6  address    14  protocol
v2  0  protocol    4  interface index    8  ARPHRD_ number    10  packet type    11  address length    12  address
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import FRAME_RELAY, RADIOTAP, WIFI
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_NETLINK = 824
_OUTGOING = 4
"""The packet type (linux/if_packet.h) of what the host sends; it receives the others, whoever they are addressed to."""
_WITHOUT_PROTOCOL: Final = {770: FRAME_RELAY, 801: WIFI, 803: RADIOTAP}
"""ARPHRD_ numbers (linux/if_arp.h) of devices that carry one kind of frame, whatever the protocol field holds."""


class CookedV1Header(Header):
    """The fields of a v1 header that select the next decoder."""

    SIZE = 16

    @property
    def is_sent(self) -> NDArray[np.bool_]:
        """Whether the capturing host sent the packet."""
        sent: NDArray[np.bool_] = self.u16(0) == _OUTGOING
        return sent

    @property
    def device(self) -> NDArray[np.uint16]:
        """The ARPHRD_ number of the device."""
        return self.u16(2)

    @property
    def protocol(self) -> NDArray[np.uint16]:
        """An EtherType, or one of the kernel's numbers below 1,536 (linux/if_ether.h)."""
        return self.u16(14)


class CookedV2Header(Header):
    """The same fields of a v2 header."""

    SIZE = 20

    @property
    def is_sent(self) -> NDArray[np.bool_]:
        """Whether the capturing host sent the packet."""
        sent: NDArray[np.bool_] = self.u8(10) == _OUTGOING
        return sent

    @property
    def device(self) -> NDArray[np.uint16]:
        """The ARPHRD_ number of the device."""
        return self.u16(8)

    @property
    def protocol(self) -> NDArray[np.uint16]:
        """An EtherType, or one of the kernel's numbers below 1,536 (linux/if_ether.h)."""
        return self.u16(0)


def cooked_v1(decoding: Decoding[Any], rows: Rows) -> None:
    """Decode a v1 header."""
    rows = decoding.require(rows, CookedV1Header.SIZE, Refusal.LINK_CUT)
    _received(decoding, rows, CookedV1Header.of(rows))


def cooked_v2(decoding: Decoding[Any], rows: Rows) -> None:
    """Decode a v2 header."""
    rows = decoding.require(rows, CookedV2Header.SIZE, Refusal.LINK_CUT)
    _received(decoding, rows, CookedV2Header.of(rows))


def _received(decoding: Decoding[Any], rows: Rows, header: CookedV1Header | CookedV2Header) -> None:
    """Dispatch the packets that the host received; on its loopback, each of them follows a copy that it sent."""
    sent = header.is_sent
    rows, header = decoding.keep_received(rows, sent), header.keep(~sent)
    _by_device(decoding, rows.advance(header.SIZE), header.device, header.protocol)


def _by_device(decoding: Decoding[Any], rows: Rows, device: NDArray[np.uint16], protocol: NDArray[np.uint16]) -> None:
    """Dispatch by `protocol` or, for a `device` that carries only one kind of frame, by that; refuse netlink."""
    usual = ~np.isin(device, [*_WITHOUT_PROTOCOL, _NETLINK])
    decoding.dispatch(rows.keep(usual), ETHERTYPE, protocol[usual])
    for number, layer in _WITHOUT_PROTOCOL.items():
        decoding.next_header(rows.keep(device == number), layer)
    decoding.refuse(rows.keep(device == _NETLINK), Refusal.NOT_IP)
