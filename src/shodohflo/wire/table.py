"""A table of decoders, and the numbers it has for each kind of header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import LINK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shodohflo.wire.decoding import Decoder

_SPAN = 1 << 16
"""What lies between two bases of `layers`."""


class Table:
    """Which decoder reads which layer; what is usual stands first, and is looked for first."""

    def __init__(self, decoders: Mapping[int, Decoder]) -> None:
        """Take `decoders` by layer."""
        self._decoders = dict(decoders)
        self._numbers: dict[int, list[int]] = {}
        for layer in self._decoders:
            self._numbers.setdefault(layer // _SPAN * _SPAN, []).append(layer % _SPAN)
        # A frame may begin with what an EtherType names: the kernel has then read the link header.
        self._numbers[LINK] = [layer for layer in self._decoders if layer < ETHERTYPE + _SPAN]

    def layers(self) -> list[int]:
        """Return every layer that is read."""
        return list(self._decoders)

    def get(self, layer: int) -> Decoder | None:
        """Return the decoder of `layer`, if we read it."""
        return self._decoders.get(layer)

    def numbers(self, base: int) -> list[int]:
        """Return the numbers n for which there is a decoder of layer `base` + n."""
        return self._numbers[base]
