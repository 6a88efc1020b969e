"""The operator's filter: an expression, compiled for the link types whose frames it is asked about.

The same expression means the same on an interface and on a capture file: it is about the frame on the wire, with its
VLAN tags, and about received frames only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from shodohflo.capture.filters.instructions import MOST_INSTRUCTIONS
from shodohflo.capture.filters.interpreter import matches
from shodohflo.capture.filters.kernel import ETHERNET, section
from shodohflo.capture.filters.libpcap import FilterError, compile_expression
from shodohflo.columns.frames import FAILED_CHECK, SENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from shodohflo.capture.filters.instructions import Program
    from shodohflo.columns.frames import Frames

RAW_IP: Final = 101
RADIOTAP: Final = 127

_LIVE: Final = (ETHERNET, RAW_IP, RADIOTAP)
"""LINKTYPE_ numbers of what a packet socket delivers of the interfaces that an expression can be compiled for."""

_HARDWARE: Final = {1: ETHERNET, 772: ETHERNET, 803: RADIOTAP} | dict.fromkeys(
    (512, 519, 768, 769, 776, 65534), RAW_IP
)
"""The same by type of interface (ARPHRD_, linux/if_arp.h): Ethernet, loopback and radiotap; PPP, raw IP, IP in IP of
both versions, SIT, and none, as TUN and WireGuard have. Before the packets of these, there is no link header."""


def delivered(hardware: int) -> int | None:
    """Return the LINKTYPE_ number of what a packet socket delivers of a type of interface; None if it is unknown."""
    return _HARDWARE.get(hardware)


@dataclass(frozen=True)
class CaptureFilter:
    """A compiled expression."""

    expression: str
    sections: Mapping[int, Program] = field(compare=False, repr=False)
    """For a packet socket, by the LINKTYPE_ numbers that the expression can be compiled for."""
    refusals: Mapping[int, str] = field(compare=False, repr=False)
    """Why it can't be compiled for others of these."""
    _programs: dict[int, Program] = field(default_factory=dict, init=False, compare=False, repr=False)

    @classmethod
    def of(cls, expression: str) -> Self:
        """Compile `expression`; raises `FilterError` if that is possible for no link type."""
        text = expression.strip()
        sections: dict[int, Program] = {}
        refusals: dict[int, str] = {}
        if not text:
            raise FilterError("an empty filter would pass every packet: leave it out")
        for link in _LIVE:
            try:
                sections[link] = section(compile_expression(text, link), link)
            except FilterError as error:
                refusals[link] = str(error)
        if not sections:
            raise FilterError(refusals[ETHERNET])
        length = sum(map(len, sections.values()))
        if length > MOST_INSTRUCTIONS // 2:
            raise FilterError(
                f"it is compiled to {length:,} instructions; with the list of interfaces, the kernel has room for "
                f"{MOST_INSTRUCTIONS // 2:,}"
            )
        return cls(text, sections, refusals)

    def passed(self, frames: Frames) -> NDArray[np.bool_]:
        """Return which of `frames`, of a capture file, the expression lets through.

        Frames that the file marks, as sent for example, are let through. Raises `FilterError` for a link type for which
        the expression can't be compiled.
        """
        passing = np.ones(len(frames), np.bool_)
        for layer in np.unique(frames.layer).tolist():
            if layer not in {SENT, FAILED_CHECK}:
                rows = np.flatnonzero(frames.layer == layer)
                passing[rows] = matches(self._program(layer), frames[rows])
        return passing

    def _program(self, link: int) -> Program:
        if link not in self._programs:
            self._programs[link] = compile_expression(self.expression, link)
        return self._programs[link]
