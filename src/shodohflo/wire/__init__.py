"""What bytes mean: one short file for each header, each with its layout and its source.

`decode` is the way in; `refusals` lists the ways out.
"""

from shodohflo.wire.decode import Decoded, Packets, decode
from shodohflo.wire.refusals import Refusal

__all__ = ["Decoded", "Packets", "Refusal", "decode"]
