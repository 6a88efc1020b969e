"""Tunnels over UDP: their packets are recorded as UDP flows and, if the operator asks for it, looked into as well.

VXLAN       0  flags: 08, identifier present; 04, next protocol present    3  next protocol: that of a network service
               header (draft-ietf-nvo3-vxlan-gpe section 3)    4  network identifier    8  an Ethernet frame
               (RFC 7348 section 5) or the next protocol
Geneve      0  version (2 bits), length of the options in 4-byte words (6)    1  flags    2  EtherType
            4  network identifier    8  options, then the payload (RFC 8926 section 3.4)
GTP-U       0  version 1 (3 bits), GTP (1), 0 (1), whether extensions, sequence, N-PDU number follow (3)
            1  message type, 255 for a packet    2  length    4  tunnel endpoint    8  sequence    10  N-PDU number
           11  type of the first extension    then extensions, then IP (3GPP TS 29.281 clause 5)
Teredo      0  00 01: an authentication header    2  lengths of identifier and value, of 1 byte each
            4  both, a nonce of 8 bytes, 1 byte confirmation; then (RFC 4380 section 5.1.1)
            0  00 00: an origin indication    2  port    4  address; then IPv6
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.headers.segments import Ports
from shodohflo.wire.layers import EITHER_IP, ETHERNET, GTP_U_EXTENSION, IPV6, NSH_PAYLOAD, TEREDO_ORIGIN
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header
from shodohflo.wire.tunnels import UDP_TUNNELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_UDP_HEADER = 8


class VxlanHeader(Header):
    """The fields of a VXLAN header that are decoded."""

    SIZE = 8

    @property
    def has_identifier(self) -> NDArray[np.bool_]:
        """Whether the network identifier is valid, as it must be."""
        valid: NDArray[np.bool_] = self.u8(0) & 0x08 != 0
        return valid

    @property
    def has_next_protocol(self) -> NDArray[np.bool_]:
        """Whether the header is that of the generic protocol extension (GPE), which need not carry Ethernet."""
        extended: NDArray[np.bool_] = self.u8(0) & 0x04 != 0
        return extended

    @property
    def next_protocol(self) -> NDArray[np.uint8]:
        """What follows, only where `has_next_protocol`."""
        return self.u8(3)


class GeneveHeader(Header):
    """The fields of a Geneve header that are decoded."""

    SIZE = 8

    @property
    def version(self) -> NDArray[np.uint8]:
        """0, the only version."""
        return self.u8(0) >> np.uint8(6)

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes, options included: 8 to 260."""
        return self.SIZE + (self.u8(0) & 0x3F).astype(np.int64) * 4

    @property
    def protocol(self) -> NDArray[np.uint16]:
        """The EtherType of the payload."""
        return self.u16(2)


class GtpUHeader(Header):
    """The fields of a GTP-U header; the last four bytes are present only if `has_optional`."""

    SIZE = 8
    WITH_OPTIONAL = 12

    @property
    def is_packet(self) -> NDArray[np.bool_]:
        """Whether this is a G-PDU of version 1, which carries a user's packet."""
        packet: NDArray[np.bool_] = (self.u8(0) & 0xF0 == 0x30) & (self.u8(1) == 255)
        return packet

    @property
    def has_optional(self) -> NDArray[np.bool_]:
        """Whether sequence, N-PDU number and type of the first extension are present."""
        present: NDArray[np.bool_] = self.u8(0) & 0x07 != 0
        return present

    @property
    def has_extension(self) -> NDArray[np.bool_]:
        """Whether an extension header follows; only where `has_optional`."""
        follows: NDArray[np.bool_] = (self.u8(0) & 0x04 != 0) & (self.u8(11) != 0)
        return follows


class TeredoAuthentication(Header):
    """The beginning of an authentication header, where there is one."""

    SIZE = 4

    @property
    def is_present(self) -> NDArray[np.bool_]:
        """Whether this is an authentication header."""
        present: NDArray[np.bool_] = self.u16(0) == 0x0001
        return present

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes, with identifier, value, nonce and confirmation: 13 to 523."""
        return 13 + self.u8(2).astype(np.int64) + self.u8(3)


def look_inside(decoding: Decoding[Any], rows: Rows) -> None:
    """Queue the payloads of tunnel packets among `rows` for decoding; a packet belongs to at most one tunnel."""
    ports = Ports.of(rows)
    src_port, dst_port = ports.src_port, ports.dst_port
    named = {name: tunnel for name, tunnel in UDP_TUNNELS.items() if name in decoding.tunnels}
    to = {name: np.isin(dst_port, tunnel.ports) for name, tunnel in named.items()}
    unknown = ~np.logical_or.reduce(list(to.values()))
    payload = rows.advance(_UDP_HEADER)
    for name, tunnel in named.items():
        answer = unknown & np.isin(src_port, tunnel.ports) & np.bool_(tunnel.answers)
        unknown &= ~answer
        decoding.look_inside(payload.keep(to[name] | answer), tunnel.layer, name)


def vxlan(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header, to the Ethernet frame or what the next protocol names."""
    rows = decoding.require(rows, VxlanHeader.SIZE, Refusal.TUNNEL_CUT)
    header = VxlanHeader.of(rows)
    extended, next_protocol = header.has_next_protocol, header.next_protocol
    plain = decoding.keep_if(rows.keep(~extended), header.has_identifier[~extended], Refusal.NOT_IP)
    decoding.next_header(plain.advance(VxlanHeader.SIZE), ETHERNET)
    decoding.dispatch(rows.keep(extended).advance(VxlanHeader.SIZE), NSH_PAYLOAD, next_protocol[extended])


def geneve(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header and its options, to the payload that the EtherType names."""
    rows = decoding.require(rows, GeneveHeader.SIZE, Refusal.TUNNEL_CUT)
    rows = decoding.keep_if(rows, GeneveHeader.of(rows).version == 0, Refusal.NOT_IP)
    header = GeneveHeader.of(rows)
    decoding.dispatch(rows.advance(header.length), ETHERTYPE, header.protocol)


def gtp_u(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header, to the packet or to the first extension."""
    rows = decoding.require(rows, GtpUHeader.SIZE, Refusal.TUNNEL_CUT)
    rows = decoding.keep_if(rows, GtpUHeader.of(rows, GtpUHeader.SIZE).is_packet, Refusal.NOT_IP)
    optional = GtpUHeader.of(rows, GtpUHeader.SIZE).has_optional
    decoding.next_header(rows.keep(~optional).advance(GtpUHeader.SIZE), EITHER_IP)
    rows = decoding.require(rows.keep(optional), GtpUHeader.WITH_OPTIONAL, Refusal.TUNNEL_CUT)
    extended = GtpUHeader.of(rows, GtpUHeader.WITH_OPTIONAL).has_extension
    rows = rows.advance(GtpUHeader.WITH_OPTIONAL)
    decoding.next_header(rows.keep(~extended), EITHER_IP)
    decoding.next_header(rows.keep(extended), GTP_U_EXTENSION)


def gtp_u_extension(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over an extension: length in 4-byte words first, type of the next one last (3GPP TS 29.281 clause 5.2.1)."""
    rows = decoding.require(rows, 1, Refusal.TUNNEL_CUT)
    rows = decoding.keep_if(rows, rows.u8(0) != 0, Refusal.TUNNEL_CUT)
    rows = decoding.require(rows, rows.u8(0).astype(np.int64) * 4, Refusal.TUNNEL_CUT)
    rows = rows.advance(rows.u8(0).astype(np.int64) * 4)
    another = rows.u8(-1) != 0
    decoding.next_header(rows.keep(another), GTP_U_EXTENSION)
    decoding.next_header(rows.keep(~another), EITHER_IP)


def teredo(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over an authentication header, if there is one."""
    rows = decoding.require(rows, TeredoAuthentication.SIZE, Refusal.TUNNEL_CUT)
    header = TeredoAuthentication.of(rows)
    decoding.next_header(rows.advance(np.where(header.is_present, header.length, 0)), TEREDO_ORIGIN)


def teredo_origin(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over an origin indication, if there is one, to the IPv6 packet."""
    rows = decoding.require(rows, 2, Refusal.TUNNEL_CUT)
    decoding.next_header(rows.advance(np.where(rows.u16(0) == 0, 8, 0)), IPV6)
