"""The operator's filter: an expression, compiled for the link types whose frames it is asked about.

The same expression means the same on an interface and on a capture file: it is about the frame on the wire, with its
VLAN tags, and about received frames only.
"""

from __future__ import annotations

import sys
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

_NULL: Final = 0
"""The LINKTYPE_ number of BSD's loopback, which begins with an address family in the order of the capturing host."""

_FAMILY_OCTETS: Final = 4

_LIVE: Final = (ETHERNET, RAW_IP, RADIOTAP)
"""LINKTYPE_ numbers of what a packet socket delivers of the interfaces that an expression can be compiled for."""

_HARDWARE: Final = {1: ETHERNET, 772: ETHERNET, 803: RADIOTAP} | dict.fromkeys((512, 519, 768, 769, 776, 65534), RAW_IP)
"""The same by type of interface (ARPHRD_, linux/if_arp.h): Ethernet, loopback and radiotap; PPP, raw IP, IP in IP of
both versions, SIT, and none, as TUN and WireGuard have. Before the packets of these, there is no link header."""


UNKNOWN_LINK: Final = -1
"""Stands for the link type of other interfaces; it is no LINKTYPE_ number."""


def delivered(hardware: int) -> int:
    """Return the LINKTYPE_ number of what a packet socket delivers of a type of interface, or `UNKNOWN_LINK`."""
    return _HARDWARE.get(hardware, UNKNOWN_LINK)


@dataclass(frozen=True)
class CaptureFilter:
    """A compiled expression."""

    expression: str
    sections: Mapping[int, Program] = field(compare=False, repr=False)
    """For a packet socket, by the LINKTYPE_ numbers that the expression can be compiled for."""
    refusals: Mapping[int, str] = field(compare=False, repr=False)
    """Why it can't be compiled for others of these."""
    _programs: dict[tuple[int, bool], Program] = field(default_factory=dict, init=False, compare=False, repr=False)

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
            if layer in {SENT, FAILED_CHECK}:
                continue
            of_layer = np.flatnonzero(frames.layer == layer)
            swapped = _is_swapped(frames[of_layer]) if layer == _NULL else np.zeros(len(of_layer), np.bool_)
            for order in np.unique(swapped).tolist():
                rows = of_layer[swapped == order]
                passing[rows] = matches(self._program(layer, swapped=order), frames[rows])
        return passing

    def _program(self, link: int, *, swapped: bool) -> Program:
        if (link, swapped) not in self._programs:
            try:
                self._programs[link, swapped] = compile_expression(self.expression, link, swapped=swapped)
            except FilterError as error:
                raise FilterError(f"the filter cannot be applied to link type {link}: {error}") from error
        return self._programs[link, swapped]


def _is_swapped(frames: Frames) -> NDArray[np.bool_]:
    """Return for which of `frames` of BSD's loopback the number of the family is not in the order of this host.

    Families are small numbers, so that the upper two bytes of one are 0 if it is.
    """
    has_family = frames.captured >= _FAMILY_OCTETS
    upper = frames.start + (2 if sys.byteorder == "little" else 0)
    swapped = np.zeros(len(frames), np.bool_)
    swapped[has_family] = (frames.buffer[upper[has_family]] | frames.buffer[upper[has_family] + 1]) != 0
    return swapped
