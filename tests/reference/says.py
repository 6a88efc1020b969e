"""What the first bytes of a datagram say, slow and plain: request, response, or nothing.

The table of ports as in the documentation of the ladder, one row for each protocol, read byte by byte. It is what
`Batch.says` is held against; it imports nothing of `shodohflo.wire`.

Sources: RFC 1035 (4.1.1), 5905 (7.3), 2131 (2), 8415 (7.3), 2865 (3), 5176 (2.3), 4120 (5), 5531 (9), 7296 (3.1),
8489 (5), 3261 (7), 6887 (7), 7252 (3), 9147 (5), 1350 (5); 3GPP TS 29.274 (6.1); ASHRAE 135 (20.1);
OpenAFS, rx.h (struct rx_header).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from reference.ladder import Saying

_LETTERS: Final = frozenset(range(ord("A"), ord("Z") + 1))


@dataclass(frozen=True, slots=True)
class Row:
    """The byte of a protocol that says request or response."""

    at: int
    mask: int
    request: frozenset[int]
    response: frozenset[int]
    only: tuple[int, int, frozenset[int]] | None = None
    """The row counts only if this byte, with this mask, has one of these values."""
    least: int = 0
    """The row counts only for datagrams with so many bytes of payload, captured or not."""

    def read(self, payload: bytes, length: int) -> Saying:
        """Return what `payload` says; a byte that is missing says nothing."""
        if self.only:
            at, mask, values = self.only
            if len(payload) <= at or payload[at] & mask not in values:
                return Saying.NOTHING
        if len(payload) <= self.at or length < self.least:
            return Saying.NOTHING
        byte = payload[self.at] & self.mask
        if byte in self.request:
            return Saying.REQUEST
        return Saying.RESPONSE if byte in self.response else Saying.NOTHING


def _row(at: int, mask: int, request: set[int], response: set[int]) -> Row:
    return Row(at, mask, frozenset(request), frozenset(response))


_DNS = _row(2, 0x80, {0}, {0x80})
_DHCP = _row(0, 0xFF, {1}, {2})
_DHCPV6 = _row(0, 0xFF, {1, 3, 4, 5, 6, 8, 9, 11, 12}, {2, 7, 10, 13})
_RADIUS = _row(0, 0xFF, {1, 4, 12}, {2, 3, 5, 11})
_RPC = _row(7, 0xFF, {0}, {1})
_IKE = replace(_row(19, 8, {8}, {0}), only=(17, 0xF0, frozenset({0x20})))
_BACNET = replace(_row(6, 0xF0, {0}, {0x20, 0x30, 0x50}), only=(5, 0xA8, frozenset({0})))
_RX = replace(_row(21, 1, {1}, {0}), only=(20, 0xFF, frozenset(range(1, 14))), least=28)
_SIP = Row(3, 0xFF, _LETTERS, frozenset({ord("/")}))

ROWS: Final[dict[int, Row]] = {
    **dict.fromkeys((53, 5353, 5355), _DNS),
    137: _row(2, 0x80, {0}, {0x80}),  # alike, but another protocol: between 53 and 137 nothing is read
    123: _row(0, 7, {3}, {4, 5}),
    **dict.fromkeys((67, 68), _DHCP),
    **dict.fromkeys((546, 547), _DHCPV6),
    **dict.fromkeys((1812, 1813, 1645, 1646), _RADIUS),
    3799: _row(0, 0xFF, {40, 43}, {41, 42, 44, 45}),
    88: _row(0, 0xFF, {0x6A, 0x6C}, {0x6B, 0x6D, 0x7E}),
    **dict.fromkeys((111, 2049), _RPC),
    500: _IKE,
    2123: _row(1, 0xFF, {1, 16, 18, 20, 32, 34, 36}, {2, 17, 19, 21, 33, 35, 37}),
    **dict.fromkeys((5060, 5061), _SIP),
    5351: _row(1, 0x80, {0}, {0x80}),
    5683: _row(1, 0xFF, {*range(1, 32)}, {*range(0x40, 0x60), *range(0x80, 0xC0)}),
    47808: _BACNET,
    **dict.fromkeys((*range(7000, 7010), 7021), _RX),
}
"""By port."""

_TFTP: Final = 69
"""It has no row, since nothing that comes from this port is read."""


def says(payload: bytes, sport: int, dport: int, length: int | None = None) -> Saying:
    """Return what a datagram from `sport` to `dport` says of its sender; `length` is that on the wire, if longer."""
    length = len(payload) if length is None else length
    by_port = _by_port(payload, sport, dport, length)
    return by_port or _stun(payload) or _dtls(payload) or _rpc(payload) or _rpc_reply(payload, length)


def _by_port(payload: bytes, sport: int, dport: int, length: int) -> Saying:
    if dport == _TFTP:
        return Saying.NOTHING if sport in ROWS else _tftp(payload)
    to, by = ROWS.get(dport), ROWS.get(sport)
    if to and by and to is not by:
        return Saying.NOTHING
    row = to or by
    return row.read(payload, length) if row else Saying.NOTHING


def _tftp(payload: bytes) -> Saying:
    """Look for a read or write request (opcode 1, 2), which begins a file name."""
    printable = len(payload) > 2 and 0x20 <= payload[2] < 0x7F
    asks = payload[:2] in {b"\0\1", b"\0\2"} and printable
    return Saying.REQUEST if asks else Saying.NOTHING


def _stun(payload: bytes) -> Saying:
    """Look for the magic cookie; two bits of the type are 0 in a request, 2 or 3 in an answer, 1 in an indication."""
    if payload[4:8] != b"\x21\x12\xa4\x42" or payload[0] & 0xC0:
        return Saying.NOTHING
    kind = (payload[0] & 1) << 1 | (payload[1] >> 4 & 1)
    return {0: Saying.REQUEST, 2: Saying.RESPONSE, 3: Saying.RESPONSE}.get(kind, Saying.NOTHING)


def _dtls(payload: bytes) -> Saying:
    """Look for a handshake record of DTLS 1.0 or 1.2 in epoch 0: ClientHello, or ServerHello and HelloVerifyRequest."""
    begins = payload[:5] in {b"\x16\xfe\xff\0\0", b"\x16\xfe\xfd\0\0"}
    if not begins or len(payload) < 14:
        return Saying.NOTHING
    return {1: Saying.REQUEST, 2: Saying.RESPONSE, 3: Saying.RESPONSE}.get(payload[13], Saying.NOTHING)


def _rpc(payload: bytes) -> Saying:
    """Look for a call of ONC RPC version 2, to a program that is registered, chosen by a site or transient."""
    if payload[4:8] != bytes(4) or payload[8:12] != b"\0\0\0\2" or len(payload) < 16:
        return Saying.NOTHING
    program = int.from_bytes(payload[12:16], "big")
    known = 100_000 <= program <= 100_999 or 0x2000_0000 <= program < 0x6000_0000
    return Saying.REQUEST if known else Saying.NOTHING


def _rpc_reply(payload: bytes, length: int) -> Saying:
    """Look for a reply of ONC RPC: accepted, without a verifier, successful; it has whole words of four bytes."""
    accepted = payload[4:24] == b"\0\0\0\1" + bytes(16)
    return Saying.RESPONSE if accepted and length % 4 == 0 else Saying.NOTHING
