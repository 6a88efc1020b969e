"""Frames in, packets out: the table of every header we read, and the way through it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from shodohflo.batch import Batch, Messages
from shodohflo.frames import ETHERTYPE, IPV4_PAYLOAD, IPV6_PAYLOAD
from shodohflo.model import ICMP, ICMPV6, TCP, UDP
from shodohflo.wire.cooked import cooked_v1, cooked_v2
from shodohflo.wire.ethernet import LLC, ethernet, llc, vlan
from shodohflo.wire.icmp import icmp
from shodohflo.wire.ipv4 import ipv4
from shodohflo.wire.ipv6 import EXTENSIONS, authentication, extension, fragment, ipv6
from shodohflo.wire.loopback import loopback
from shodohflo.wire.raw_ip import raw_ip
from shodohflo.wire.rows import Rows
from shodohflo.wire.tcp import tcp
from shodohflo.wire.udp import udp
from shodohflo.wire.work import Decoder, Work

if TYPE_CHECKING:
    from shodohflo.frames import Frames

_LINKS: Final[dict[int, Decoder]] = {
    0: loopback,
    1: ethernet,
    12: raw_ip,
    14: raw_ip,
    101: raw_ip,
    108: loopback,
    113: cooked_v1,
    228: ipv4,
    229: ipv6,
    276: cooked_v2,
}
"""By LINKTYPE_ number; raw IP is 12 and 14 in files whose writer confused it with a platform's DLT_."""

_ETHERTYPES: Final[dict[int, Decoder]] = {
    LLC: llc,
    0x0800: ipv4,
    0x8100: vlan,
    0x86DD: ipv6,
    0x88A8: vlan,
    0x9100: vlan,
}

_IPV4_PAYLOADS: Final[dict[int, Decoder]] = {
    ICMP: partial(icmp, family=4),
    TCP: partial(tcp, family=4),
    UDP: partial(udp, family=4),
    51: partial(authentication, base=IPV4_PAYLOAD),
}

_IPV6_PAYLOADS: Final[dict[int, Decoder]] = {
    **dict.fromkeys(EXTENSIONS, extension),
    TCP: partial(tcp, family=6),
    UDP: partial(udp, family=6),
    44: fragment,
    51: partial(authentication, base=IPV6_PAYLOAD),
    ICMPV6: partial(icmp, family=6),
}

DECODERS: Final[dict[int, Decoder]] = {
    **_LINKS,
    **{ETHERTYPE + number: decoder for number, decoder in _ETHERTYPES.items()},
    **{IPV4_PAYLOAD + number: decoder for number, decoder in _IPV4_PAYLOADS.items()},
    **{IPV6_PAYLOAD + number: decoder for number, decoder in _IPV6_PAYLOADS.items()},
}
"""Every header we read, by layer (see `frames.Frames.layer`)."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What frames held: each frame is one row of a batch or of messages, or is counted in `refused`."""

    batches: tuple[Batch, ...]
    messages: tuple[Messages, ...]
    refused: Counter[str]
    """Packets by `Refusal`."""


def decode(frames: Frames) -> Decoded:
    """Decode `frames`; never raises, whatever their bytes."""
    work: Work[Batch | Messages] = Work(DECODERS)
    rows = Rows.from_frames(frames)
    work.dispatch(rows, 0, frames.layer)
    work.run()
    refused: Counter[str] = Counter()
    for reason, several in work.refused:
        refused[reason] += len(several)
    return Decoded(
        batches=tuple(found for found in work.found if isinstance(found, Batch) and len(found)),
        messages=tuple(found for found in work.found if isinstance(found, Messages) and len(found)),
        refused=refused,
    )
