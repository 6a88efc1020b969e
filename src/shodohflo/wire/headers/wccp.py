"""The redirect header of WCCP version 2 in GRE (draft-mclaggan-wccp-v2rev1); version 1 has none.

0  flags: dynamic service (80), alternative bucket (40), contents not valid (20), the rest 0    1  service
2  buckets    4  the packet

GRE has the same protocol number, 883E, for both versions. The first byte decides: the redirect header leaves its lower
five bits 0, and no header of IPv4 begins so, with 40 (a length of 0). One of IPv6 does, with 60: then IP must follow
the redirect header too; in an IPv6 header these are the first bits of a length, of 16 KiB or more.
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
_RESERVED = 0x1F
_IPV6 = 0x60


def wccp(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over a redirect header, if there is one, to the packet."""
    rows = decoding.require(rows, _REDIRECT + 1, Refusal.TUNNEL_CUT)
    first = rows.u8(0)
    redirected = (first & _RESERVED == 0) & ((first != _IPV6) | np.isin(rows.u8(_REDIRECT) >> 4, (4, 6)))
    decoding.next_header(rows.advance(np.where(redirected, _REDIRECT, 0)), EITHER_IP)
