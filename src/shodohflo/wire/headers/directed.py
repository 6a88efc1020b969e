"""Link types that begin with a byte for the direction (tcpdump.org, LINKTYPE_..._WITH_DIR), and are as usual then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Work
    from shodohflo.wire.rows import Rows


def directed(work: Work[Any], rows: Rows, *, layer: int) -> None:
    """Step over the direction, to the header of `layer`."""
    work.onward(work.require(rows, 1, Refusal.LINK_CUT).advance(1), layer)
