"""The redirect header of WCCP version 2 in GRE (draft-mclaggan-wccp-v2rev1 section 4.3); version 1 has none.

0  flags: dynamic service (80), alternative bucket (40), the rest 0    1  service    2  buckets    4  the packet

GRE has the same protocol number, 883E, for both versions. The first byte decides: the redirect header leaves its lower
six bits 0, which neither version of IP does, as no IP header begins with 40 (a length of 0) or has version 0, 8 or 12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import EITHER_IP
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_REDIRECT = 4
_RESERVED = 0x3F


def wccp(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over a redirect header, if there is one, to the packet."""
    rows = decoding.require(rows, _REDIRECT, Refusal.TUNNEL_CUT)
    decoding.next_header(rows.advance(np.where(rows.u8(0) & _RESERVED == 0, _REDIRECT, 0)), EITHER_IP)
