"""Link types as capture files number them (tcpdump.org/linktypes.html)."""

from __future__ import annotations

from typing import Final

_RAW: Final = 101

_OTHER_NUMBERS: Final = {11: 100, 12: _RAW, 14: _RAW, 15: 102, 16: 103}
"""DLT_ numbers of some systems that old writers put where the LINKTYPE_ number belongs: ATM with LLC, raw IP
(14 is OpenBSD's), and the SLIP and PPP of BSD/OS."""

_USUAL: Final = 1 << 18
"""libpcap's own limit: no snapshot length it takes is longer."""

_MOST: Final = 1 << 24
"""A snapshot length beyond this is not believed."""

_LARGE: Final = {189: 1 << 27, 220: 1 << 27, 231: 1 << 27, 249: 1 << 27, 279: 1 << 23}
"""Link types with larger packets: USB (three kinds), D-Bus and Elektrobit's automotive one."""


def link_type(field: int) -> int:
    """Return the LINKTYPE_ number in a file's 32-bit field, whose upper half speaks of frame check sequences."""
    number = field & 0xFFFF
    return _OTHER_NUMBERS.get(number, number)


def largest_capture(link: int, snap_length: int) -> int:
    """Return how many bytes of one packet may be in a file; a snapshot length that is 0 or absurd says nothing."""
    believed = snap_length if snap_length <= _MOST else 0
    return max(_LARGE.get(link, _USUAL), believed)
