"""IPv6 (RFC 8200 section 3) and its extension headers (section 4).

0  version (4 bits), traffic class, flow label
4  payload length    6  next header    8  source    24  destination    40  payload
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.headers.ipv4 import LEAST_PAYLOAD
from shodohflo.wire.layers import IPV6_PAYLOAD
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_THROUGH_NEXT_HEADER = 7
_MORE_FRAGMENTS = 0x0001
_FRAGMENT_OFFSET = 0xFFF8

_LONGEST_PACKET = 40 + 65_535
"""Bytes of the longest packet that is no jumbogram, header included."""


class Ipv6Header(Header):
    """The fields of an IPv6 header."""

    SIZE = 40

    @property
    def version(self) -> NDArray[np.uint8]:
        """6, unless the header is something else."""
        return self.u8(0) >> np.uint8(4)

    @property
    def payload_length(self) -> NDArray[np.int64]:
        """Bytes behind the header; 0 in jumbograms, and where segmentation offload left the field empty."""
        return self.u16(4).astype(np.int64)

    @property
    def next_header(self) -> NDArray[np.uint8]:
        """The IP protocol number of what follows."""
        return self.u8(6)

    @property
    def src_addr(self) -> NDArray[np.bytes_]:
        """The source address, 16 bytes."""
        return self.s16(8)

    @property
    def dst_addr(self) -> NDArray[np.bytes_]:
        """The destination address, 16 bytes."""
        return self.s16(24)


class ExtensionHeader(Header):
    """The first two bytes of most extension headers: options, routing, mobility, HIP and Shim6."""

    SIZE = 2

    @property
    def next_header(self) -> NDArray[np.uint8]:
        """The IP protocol number of what follows."""
        return self.u8(0)

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes; the field counts units of 8 bytes, less the first (RFC 8200 section 4)."""
        return (self.u8(1).astype(np.int64) + 1) * 8


class AuthenticationHeader(ExtensionHeader):
    """The same two bytes of an authentication header, with another unit of length."""

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes; the field counts units of 4 bytes, less two (RFC 4302 section 2.2)."""
        return (self.u8(1).astype(np.int64) + 2) * 4


class FragmentHeader(Header):
    """The fields of a fragment header (RFC 8200 section 4.5)."""

    SIZE = 8

    @property
    def next_header(self) -> NDArray[np.uint8]:
        """The IP protocol number of what follows."""
        return self.u8(0)

    @property
    def is_first(self) -> NDArray[np.bool_]:
        """Whether the fragment begins the packet: its offset is 0."""
        first: NDArray[np.bool_] = self.u16(2) & _FRAGMENT_OFFSET == 0
        return first

    @property
    def has_more(self) -> NDArray[np.bool_]:
        """Whether more fragments follow."""
        more: NDArray[np.bool_] = self.u16(2) & _MORE_FRAGMENTS != 0
        return more


def ipv6(decoding: Decoding[Any], rows: Rows) -> None:
    """Dispatch the payload by the next header.

    The payload length is not compared with the frame: a mirror may have truncated that.
    """
    rows = decoding.require(rows, Ipv6Header.SIZE, Refusal.IP_CUT)
    rows = decoding.keep_if(rows, Ipv6Header.of(rows, 1).version == 6, Refusal.IP_VERSION)
    header = Ipv6Header.of(rows, _THROUGH_NEXT_HEADER)
    payload = header.payload_length
    # Zero in jumbograms (RFC 2675) and after segmentation offload; use the frame's length then.
    total = np.where(payload == 0, rows.carried(), payload + Ipv6Header.SIZE)
    offloaded = (payload == 0) & (total >= Ipv6Header.SIZE + LEAST_PAYLOAD)
    inside = rows.within(Ipv6Header.SIZE, total).open_ended(offloaded, _LONGEST_PACKET)
    decoding.dispatch(inside, IPV6_PAYLOAD, header.next_header)


def extension(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over an extension header that is neither a fragment header nor an authentication header."""
    rows = decoding.require(rows, ExtensionHeader.SIZE, Refusal.EXTENSION_CUT)
    header = ExtensionHeader.of(rows)
    decoding.dispatch(rows.advance(header.length), IPV6_PAYLOAD, header.next_header)


def authentication(decoding: Decoding[Any], rows: Rows, base: int) -> None:
    """Step over an authentication header; `base` is the one of payloads of the IP version that carries it."""
    rows = decoding.require(rows, AuthenticationHeader.SIZE, Refusal.EXTENSION_CUT)
    header = AuthenticationHeader.of(rows)
    decoding.dispatch(rows.advance(header.length), base, header.next_header)


def fragment(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the fragment header of a first fragment; refuse the others, which have no ports."""
    rows = decoding.require(rows, FragmentHeader.SIZE, Refusal.EXTENSION_CUT)
    rows = decoding.keep_if(rows, FragmentHeader.of(rows).is_first, Refusal.LATER_FRAGMENT)
    header = FragmentHeader.of(rows)
    # A fragment doesn't state the length of the whole packet, which its payload does.
    inside = rows.open_ended(header.has_more, _LONGEST_PACKET).advance(FragmentHeader.SIZE)
    decoding.dispatch(inside, IPV6_PAYLOAD, header.next_header)


def encrypted(decoding: Decoding[Any], rows: Rows) -> None:
    """Refuse an encapsulating security payload (RFC 4303): the payload is encrypted."""
    decoding.refuse(rows, Refusal.ENCRYPTED)
