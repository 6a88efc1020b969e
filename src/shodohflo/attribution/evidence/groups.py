"""GroupAddresses: addresses that stand for many hosts, which are never clients."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from shodohflo.model import Network

_MULTICAST_4: Final = 0xE
"""The first four bits of 224.0.0.0/4 (RFC 1112)."""

_MULTICAST_6: Final = b"\xff"
"""The first byte of ff00::/8 (RFC 4291 section 2.7)."""

_EVERYBODY: Final = 0xFFFFFFFF
"""255.255.255.255 (RFC 919)."""

_LONGEST: Final = 30
"""The longest prefix that has a broadcast address (RFC 3021)."""


class GroupAddresses:
    """The multicast groups, and the broadcast addresses of the networks that are known."""

    def __init__(self, networks: Iterable[Network]) -> None:
        """Take the broadcast addresses of `networks`."""
        known = {
            int(each.broadcast_address)
            for each in networks
            if isinstance(each, IPv4Network) and each.prefixlen <= _LONGEST
        }
        self._broadcast = np.array(sorted(known | {_EVERYBODY}), np.uint32)

    def holds(self, addresses: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which addresses, a column of a batch, are groups."""
        held: NDArray[np.bool_]
        if addresses.dtype.kind == "S":
            held = np.ascontiguousarray(addresses).view("S1")[::16] == _MULTICAST_6
        else:
            held = (addresses >> np.uint32(28) == _MULTICAST_4) | np.isin(addresses, self._broadcast)
        return held
