"""Tunnels over UDP: recorded as the UDP flows they are, and looked into only where the operator says so.

Each is known by its port, which anybody may use: what is inside counts beside the packet, never
instead of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import EITHER_IP, ETHERNET, GTP_U_EXTENSION, IPV6, TEREDO_ORIGIN
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.tunnels import UDP_TUNNELS

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_UDP_HEADER = 8


def look_inside(decoding: Decoding[Any], rows: Rows) -> None:
    """Have those of `rows`, which stand at a UDP header, looked into that are packets of a tunnel, and of one only."""
    src_port, dst_port = rows.u16(0), rows.u16(2)
    named = {name: tunnel for name, tunnel in UDP_TUNNELS.items() if name in decoding.tunnels}
    to = {name: np.isin(dst_port, tunnel.ports) for name, tunnel in named.items()}
    unknown = ~np.logical_or.reduce(list(to.values()))
    payload = rows.advance(_UDP_HEADER)
    for name, tunnel in named.items():
        answer = unknown & np.isin(src_port, tunnel.ports) & np.bool_(tunnel.answers)
        unknown &= ~answer
        decoding.look_inside(payload.keep(to[name] | answer), tunnel.layer, name)


def vxlan(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over 8 bytes: flags, of which 08 must be set, network identifier (RFC 7348 section 5); then Ethernet."""
    rows = decoding.require(rows, 8, Refusal.TUNNEL_CUT)
    rows = decoding.keep_if(rows, rows.u8(0) & 0x08 != 0, Refusal.NOT_IP)
    decoding.next_header(rows.advance(8), ETHERNET)


def geneve(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over: version (2 bits), options' length in 4-byte words (6), flags, EtherType, identifier (RFC 8926 3.4)."""
    rows = decoding.require(rows, 8, Refusal.TUNNEL_CUT)
    rows = decoding.keep_if(rows, rows.u8(0) >> 6 == 0, Refusal.NOT_IP)
    size = 8 + (rows.u8(0) & 0x3F).astype(np.int64) * 4
    decoding.dispatch(rows.advance(size), ETHERTYPE, rows.u16(2))


def gtp_u(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header of a G-PDU (3GPP TS 29.281 clause 5.1).

    0  version 1 (3 bits), GTP (1), 0, then whether extensions, sequence or N-PDU number follow
    1  message type, 255 for a packet    2  length    4  tunnel    8  sequence, N-PDU, next extension
    """
    rows = decoding.require(rows, 8, Refusal.TUNNEL_CUT)
    rows = decoding.keep_if(rows, (rows.u8(0) & 0xF0 == 0x30) & (rows.u8(1) == 255), Refusal.NOT_IP)
    optional = rows.u8(0) & 0x07 != 0
    decoding.next_header(rows.keep(~optional).advance(8), EITHER_IP)
    rows = decoding.require(rows.keep(optional), 12, Refusal.TUNNEL_CUT)
    extended = (rows.u8(0) & 0x04 != 0) & (rows.u8(11) != 0)
    decoding.next_header(rows.keep(~extended).advance(12), EITHER_IP)
    decoding.next_header(rows.keep(extended).advance(12), GTP_U_EXTENSION)


def gtp_u_extension(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over an extension header: length in 4-byte words first, type of the next one last (clause 5.2.1)."""
    rows = decoding.require(rows, 1, Refusal.TUNNEL_CUT)
    rows = decoding.keep_if(rows, rows.u8(0) != 0, Refusal.TUNNEL_CUT)
    rows = decoding.require(rows, rows.u8(0).astype(np.int64) * 4, Refusal.TUNNEL_CUT)
    rows = rows.advance(rows.u8(0).astype(np.int64) * 4)
    another = rows.u8(-1) != 0
    decoding.next_header(rows.keep(another), GTP_U_EXTENSION)
    decoding.next_header(rows.keep(~another), EITHER_IP)


def teredo(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over an authentication header, where there is one (RFC 4380 section 5.1.1).

    00 01, 1 byte each for the lengths of identifier and value, both, 8 bytes nonce, 1 byte confirmation.
    """
    rows = decoding.require(rows, 4, Refusal.TUNNEL_CUT)
    authenticated = rows.u16(0) == 0x0001
    size = 13 + rows.u8(2).astype(np.int64) + rows.u8(3)
    decoding.next_header(rows.advance(np.where(authenticated, size, 0)), TEREDO_ORIGIN)


def teredo_origin(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over an origin indication, where there is one: 00 00, port and address; then IPv6."""
    rows = decoding.require(rows, 2, Refusal.TUNNEL_CUT)
    decoding.next_header(rows.advance(np.where(rows.u16(0) == 0, 8, 0)), IPV6)
