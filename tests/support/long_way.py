"""The lookup table of decoders without the shortcut for plain packets, to compare both with each other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from shodohflo.wire.decoding import DecoderTable
from shodohflo.wire.registry import TABLE

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoder


def the_long_way(layer: int) -> Decoder:
    """Return the general decoder of `layer`, without the shortcut for plain packets."""
    decoder = TABLE.get(layer)
    assert decoder is not None
    return decoder.keywords.get("otherwise", decoder) if isinstance(decoder, partial) else decoder


LONG: Final = DecoderTable({layer: the_long_way(layer) for layer in TABLE.layers()})
