"""Link types of capture files: their numbers (tcpdump.org/linktypes.html) and their largest packets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OTHER_NUMBERS: Final = {11: 100, 15: 102, 16: 103}
"""DLT_ numbers that old programs on some systems wrote instead of the LINKTYPE_ number: ATM with LLC, and the SLIP and
PPP of BSD/OS. Those of raw IP, 12 and 14, are not here but in `wire.registry.LINKS`, since PPI names them too."""

_USUAL: Final = 1 << 18
"""Bytes: libpcap accepts no larger snapshot length."""

_MOST: Final = 1 << 24
"""Bytes: a larger snapshot length in a file is ignored."""

_LARGE: Final = {189: 1 << 27, 220: 1 << 27, 231: 1 << 27, 249: 1 << 27, 279: 1 << 23}
"""Bytes by link type, for those with larger packets: USB (three kinds), D-Bus and Elektrobit's automotive one."""


def link_type(field: int) -> int:
    """Return the LINKTYPE_ number in a file's 32-bit field; the upper half is about frame check sequences."""
    number = field & 0xFFFF
    return _OTHER_NUMBERS.get(number, number)


def link_types(fields: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return what `link_type` returns for each field."""
    numbers = (fields & np.uint32(0xFFFF)).astype(np.uint32)
    for other, number in _OTHER_NUMBERS.items():
        numbers[numbers == other] = number
    return numbers


def largest_capture(link: int, snap_length: int) -> int:
    """Return the most captured bytes that a packet may have; `snap_length` can raise it, unless it is above 16 MiB."""
    believed = snap_length if snap_length <= _MOST else 0
    return max(_LARGE.get(link, _USUAL), believed)
