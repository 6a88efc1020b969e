"""One packet as text: `8.8.8.8:53 > 10.0.0.1:40000 udp` or `[2001:db8::1]:53 > [2001:db8::2]:40 tcp rst`.

`8.8.8.8:53 > 10.0.0.1:40000 icmp unreachable` is the ICMP message to 10.0.0.1, port 40000, that 8.8.8.8 or its port 53
is unreachable, written as if 8.8.8.8 itself had sent it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from shodohflo.columns.batch import FIN, RST, SYN
from shodohflo.errors import closest
from shodohflo.model import ICMP, PORT_PROTOCOLS, PROTOCOL_NAMES, TCP, UDP, address_text
from shodohflo.rules import mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.model import Address

FLAGS: Final = {"fin": FIN, "syn": SYN, "rst": RST, "psh": 0x08, "ack": 0x10, "urg": 0x20, "ece": 0x40, "cwr": 0x80}
"""TCP control bits by their names (RFC 9293 section 3.1)."""

UNREACHABLE: Final = ["icmp", "unreachable"]
"""The only ICMP messages with ports, which are those of the quoted packet."""

_WORDS: Final = (*PORT_PROTOCOLS, *FLAGS)
_END: Final = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[^:\[\]]*)):(?P<port>[0-9]+)")
_KNOWN: Final = "udp, tcp, a TCP flag, nor icmp unreachable"
_EXAMPLE: Final = "write '192.0.2.1:53 > 192.0.2.2:40000 udp' or '[2001:db8::1]:53 > [2001:db8::2]:40000 tcp rst'"


@dataclass(frozen=True, slots=True)
class Packet:
    """The fields of a TCP or UDP packet or of an unreachable message that decide its attribution."""

    src_addr: Address
    src_port: int
    dst_addr: Address
    dst_port: int
    protocol: int = UDP
    """`UDP`, `TCP`, or `ICMP` for an unreachable of either family."""
    tcp_flags: int = 0

    @classmethod
    def from_text(cls, text: str) -> Packet:
        """Parse the format of `to_text`; a ValueError states what is wrong and shows an example.

        The protocol defaults to UDP, or to TCP if flags are given.
        """
        ends = text.split(">")
        if len(ends) != 2:
            raise ValueError(f"{text!r} is not a packet; {_EXAMPLE}")
        dst, *words = ends[1].split() or [""]
        (src_addr, src_port), (dst_addr, dst_port) = _end(ends[0].strip()), _end(dst)
        if src_addr.version != dst_addr.version:
            raise ValueError(f"{text!r}: one end is IPv4 and the other IPv6; {_EXAMPLE}")
        return cls(src_addr, src_port, dst_addr, dst_port, *_protocol(words))

    def to_text(self) -> str:
        """Format the packet as text."""
        ends = f"{_end_text(self.src_addr, self.src_port)} > {_end_text(self.dst_addr, self.dst_port)}"
        flags = [name for name, bit in FLAGS.items() if self.tcp_flags & bit]
        return " ".join([ends, *(UNREACHABLE if self.protocol == ICMP else [PROTOCOL_NAMES[self.protocol], *flags])])

    @property
    def ends(self) -> mapping.Ends:
        """The part that rules see."""
        return mapping.Ends(self.src_addr, self.src_port, self.dst_addr, self.dst_port)


def _end(text: str) -> tuple[Address, int]:
    found = _END.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an address with a port; {_EXAMPLE}")
    port = int(found["port"])
    if port > 65535:
        raise ValueError(f"{text!r}: {port} is not a port (0 to 65535)")
    written = found["v4"] if found["v6"] is None else found["v6"]
    try:
        address = ip_address(written)
    except ValueError:
        raise ValueError(f"{text!r}: {written!r} is not an address; {_EXAMPLE}") from None
    if "%" in written or (address.version == 6) != (found["v6"] is not None):
        raise ValueError(f"{text!r}: {written!r} is not in the expected format; {_EXAMPLE}")
    return address, port


def _end_text(address: Address, port: int) -> str:
    return f"{address}:{port}" if address.version == 4 else f"[{address_text(address)}]:{port}"


def _protocol(words: Sequence[str]) -> tuple[int, int]:
    """Return the protocol and the TCP flags that `words` name."""
    named = " ".join(words).lower().replace(",", " ").split()
    if named == UNREACHABLE:
        return ICMP, 0
    for word in named:
        if word not in _WORDS:
            close = closest(word, _WORDS)
            raise ValueError(f"{word!r} is neither {_KNOWN}{f'; did you mean {close}?' if close else ''}")
    flags = sum({FLAGS[word] for word in named if word in FLAGS})
    protocols = {PORT_PROTOCOLS[word] for word in named if word in PORT_PROTOCOLS}
    if len(protocols) > 1 or (flags and UDP in protocols):
        raise ValueError(f"{' '.join(words)!r}: a packet is either udp, or tcp with its flags")
    return (TCP if flags else protocols.pop() if protocols else UDP), flags
