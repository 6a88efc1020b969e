"""The hash slots of a cluster: which one a key is in, and for each slot a short tag that is in it.

A cluster distributes its keys over 16,384 slots, and each slot belongs to one node (valkey.io, "Cluster
specification"). The slot of a key is the CRC-16 of its name, or of its *hash tag*: what stands between the first `{`
and the next `}`, unless that is nothing. So a key with the right tag is in any slot that is wished for:

    slot_of("writer;4f1c9a;{" + TAGS[5061] + "}")   ->   5061
"""

from __future__ import annotations

from binascii import crc_hqx
from itertools import product
from string import ascii_lowercase, digits
from typing import Final

SLOTS: Final = 16_384

_LETTERS: Final = digits + ascii_lowercase
_LONGEST: Final = 4
"""Letters of a tag: three do not reach every slot."""


def slot_of(key: str) -> int:
    """Return the slot of `key`."""
    octets = key.encode()
    begin = octets.find(b"{")
    end = octets.find(b"}", begin + 1) if begin >= 0 else -1
    tag = octets[begin + 1 : end] if end > begin + 1 else octets
    return crc_hqx(tag, 0) % SLOTS


def _tags() -> tuple[str, ...]:
    """Return a tag for each slot, as short as possible."""
    tags: dict[int, str] = {}
    for length in range(1, _LONGEST + 1):
        for letters in product(_LETTERS, repeat=length):
            tag = "".join(letters)
            tags.setdefault(crc_hqx(tag.encode(), 0) % SLOTS, tag)
            if len(tags) == SLOTS:
                return tuple(tags[slot] for slot in range(SLOTS))
    raise AssertionError("letters of four places reach every slot")


TAGS: Final = _tags()
"""For each slot, a tag that is in it."""
