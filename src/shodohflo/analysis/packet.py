"""A packet as people write it: `8.8.8.8:53 > 10.0.0.1:40000 udp`, and the same text back.

IPv6 addresses stand in brackets, `[2001:db8::1]:53`. `tcp` alone is a segment with payload; flags follow it, as in
`tcp rst` or `tcp syn ack`. `icmp unreachable` is the message that the packet's own source cannot be reached:
`8.8.8.8:53 > 10.0.0.1:40000 icmp unreachable` tells 10.0.0.1, port 40000, that 8.8.8.8 has no port 53.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Self

from shodohflo.batch import FIN, RST, SYN
from shodohflo.model import ICMP, TCP, UDP, address_text

if TYPE_CHECKING:
    from shodohflo.model import Address

FORM: Final = "8.8.8.8:53 > 10.0.0.1:40000 udp"
"""What error messages show."""

ACK: Final = 0x10
FLAGS: Final = {"syn": SYN, "fin": FIN, "rst": RST, "psh": 0x08, "ack": ACK, "urg": 0x20}
"""TCP control bits (RFC 9293 section 3.1), by the words for them."""

UNREACHABLE: Final = "icmp unreachable"

_PACKET: Final = re.compile(r"\s*(?P<src>\S+)\s*>\s*(?P<dst>\S+)(?P<rest>.*)", re.DOTALL)
_END: Final = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[^:\[\]]*)):(?P<port>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Probe:
    """A packet that nobody sent, to ask what would become of it if it were received."""

    src_addr: Address
    src_port: int
    dst_addr: Address
    dst_port: int
    protocol: int = UDP
    """`UDP`, `TCP`, or `ICMP` for an unreachable of either family."""
    tcp_flags: int = 0
    """The TCP control bits; 0 for the others."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` writes, or raise a `ValueError` that says what is wrong and what would be right."""
        found = _PACKET.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a packet; write one like {FORM!r}")
        src_addr, src_port = _end(found["src"])
        dst_addr, dst_port = _end(found["dst"])
        if src_addr.version != dst_addr.version:
            raise ValueError(f"{src_addr} and {dst_addr} are of two families; no packet goes from one to the other")
        protocol, tcp_flags = _protocol(found["rest"].lower().split())
        return cls(src_addr, src_port, dst_addr, dst_port, protocol, tcp_flags)

    def __str__(self) -> str:
        """Write the packet."""
        src, dst = end_text(self.src_addr, self.src_port), end_text(self.dst_addr, self.dst_port)
        return f"{src} > {dst} {self._words()}"

    def _words(self) -> str:
        if self.protocol == ICMP:
            return UNREACHABLE
        if self.protocol == UDP:
            return "udp"
        flags = [] if self.tcp_flags == ACK else [word for word, bit in FLAGS.items() if self.tcp_flags & bit]
        return " ".join(["tcp", *flags])


def end_text(address: Address, port: int) -> str:
    """Write one end of a packet."""
    text = address_text(address)
    return f"{text}:{port}" if address.version == 4 else f"[{text}]:{port}"


def _end(text: str) -> tuple[Address, int]:
    found = _END.fullmatch(text)
    if found is None:
        form = "[2001:db8::1]:53" if text.count(":") > 1 else "192.0.2.1:53"
        raise ValueError(f"{text!r} is not an address with a port; write one like {form!r}")
    port = int(found["port"])
    if port > 65535:
        raise ValueError(f"{text!r}: {port} is not a port (0 to 65535)")
    return _address(text, found["v4"], found["v6"]), port


def _address(text: str, v4: str | None, v6: str | None) -> Address:
    try:
        address = ip_address(v6 or v4 or "")
    except ValueError:
        raise ValueError(f"{text!r}: {v6 or v4!r} is not an address") from None
    if (address.version == 6) != (v6 is not None):
        raise ValueError(f"{text!r}: brackets are for IPv6 addresses, and for all of them")
    if "%" in str(address):
        raise ValueError(f"{text!r}: packets know no zones; leave out what follows the percent sign")
    return address


def _protocol(words: list[str]) -> tuple[int, int]:
    """Return the protocol number and the TCP control bits."""
    match words:
        case ["udp"]:
            return UDP, 0
        case ["icmp", "unreachable"]:
            return ICMP, 0
        case ["tcp", *flags] if all(flag in FLAGS for flag in flags):
            return TCP, sum(FLAGS[flag] for flag in set(flags)) or ACK
    written = " ".join(words)
    said = f"{written!r} is no protocol that we know" if words else "the protocol is missing"
    raise ValueError(f"{said}; write udp, tcp, {UNREACHABLE}, or tcp with some of {', '.join(FLAGS)}")
