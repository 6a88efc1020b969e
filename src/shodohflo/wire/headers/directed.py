"""Link types with a byte for the direction before the usual header (tcpdump.org, LINKTYPE_..._WITH_DIR)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


def directed(decoding: Decoding[Any], rows: Rows, *, layer: int) -> None:
    """Step over the direction, to the header of `layer`."""
    decoding.next_header(decoding.require(rows, 1, Refusal.LINK_CUT).advance(1), layer)
