"""NFLOG: packets logged by netfilter (tcpdump.org, LINKTYPE_NFLOG; linux/netfilter/nfnetlink_log.h).

header     0  address family    1  version    2  resource id    4  attributes
attribute  0  length, these 4 bytes included    2  type    4  value, padded to a multiple of 4 bytes
           of type 1, the packet header:    4  EtherType    6  hook

Lengths and types are in the byte order of the capturing machine. The first attribute, the packet header of 8 bytes,
shows which: its length is 0c 00 or 00 0c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import EITHER_IP, IPV4, IPV6, NFLOG_BIG, NFLOG_LITTLE
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_PACKET_HEADER, _PAYLOAD = 1, 9
"""NFULA_PACKET_HDR and NFULA_PAYLOAD."""

_HOOK = 6
_LOCAL_OUT, _POST_ROUTING = 3, 4
"""The hooks (linux/netfilter.h, enum nf_inet_hooks) that see packets on their way out: what the host sends, and what it
forwards a second time. At the other hooks, packets have been received."""

_INET, _INET6 = 2, 10
_BOTH, _NETDEV, _BRIDGE = 1, 5, 7
"""Families of tables of netfilter (linux/netfilter.h, NFPROTO_*), on Linux, the only system with NFLOG. Only the first
two are of one version of IP; the EtherType in the packet header says what the others logged."""

_EGRESS = 1
"""The hook of a device's table that sees what it sends (linux/netfilter.h, NF_NETDEV_EGRESS)."""


class NflogHeader(Header):
    """The address family, and the length of the first attribute."""

    SIZE = 8
    ATTRIBUTES = 4

    @property
    def family(self) -> NDArray[np.uint8]:
        """The address family of the packet."""
        return self.u8(0)

    @property
    def is_little(self) -> NDArray[np.bool_]:
        """Whether attributes are in little-endian order, judged by the length of the first, which is below 256."""
        little: NDArray[np.bool_] = (self.u8(5) == 0) | (self.u8(4) != 0)
        return little


class LoggedPacketHeader(NflogHeader):
    """The same, and the packet header, which is the first attribute."""

    SIZE = 11

    @property
    def ethertype(self) -> NDArray[np.uint16]:
        """The EtherType of the packet."""
        return self.u16(8)

    @property
    def is_sent(self) -> NDArray[np.bool_]:
        """Whether a device's table logged the packet on its way out."""
        sent: NDArray[np.bool_] = (self.family == _NETDEV) & (self.u8(10) == _EGRESS)
        return sent


class Attribute(Header):
    """Length and type of an attribute, in big-endian order."""

    SIZE = 4

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes of length, type and value, without the padding."""
        return self.u16(0).astype(np.int64)

    @property
    def type(self) -> NDArray[np.uint16]:
        """One of NFULA_*."""
        return self.u16(2)


class LittleAttribute(Attribute):
    """The same in little-endian order."""

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes of length, type and value, without the padding."""
        return self.little_u16(0).astype(np.int64)

    @property
    def type(self) -> NDArray[np.uint16]:
        """One of NFULA_*."""
        return self.little_u16(2)


def nflog(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header, to the first attribute; its length shows the byte order."""
    rows = decoding.require(rows, NflogHeader.SIZE, Refusal.LINK_CUT)
    family = NflogHeader.of(rows).family
    known, by_version = np.isin(family, (_BOTH, _NETDEV, _BRIDGE)), np.isin(family, (_INET, _INET6))
    decoding.refuse(rows.keep(~known & ~by_version), Refusal.NOT_IP)
    _attributes(decoding, rows.keep(by_version))
    _attributes(decoding, _by_ethertype(decoding, rows.keep(known)))


def _by_ethertype(decoding: Decoding[Any], rows: Rows) -> Rows:
    """Return the rows with an IP packet that the host received; refuse other EtherTypes."""
    rows = decoding.require(rows, LoggedPacketHeader.SIZE, Refusal.LINK_CUT)
    ethertype = LoggedPacketHeader.of(rows).ethertype
    is_ip = np.isin(ethertype, (IPV4 - ETHERTYPE, IPV6 - ETHERTYPE))
    decoding.refuse_unread(rows.keep(~is_ip), ETHERTYPE + ethertype[~is_ip].astype(np.uint32))
    rows = rows.keep(is_ip)
    return decoding.keep_received(rows, LoggedPacketHeader.of(rows).is_sent)


def _attributes(decoding: Decoding[Any], rows: Rows) -> None:
    """Pass on the rows to their first attribute."""
    little = NflogHeader.of(rows).is_little
    rows = rows.advance(NflogHeader.ATTRIBUTES)
    decoding.next_header(rows.keep(little), NFLOG_LITTLE)
    decoding.next_header(rows.keep(~little), NFLOG_BIG)


def nflog_attribute(decoding: Decoding[Any], rows: Rows, *, little: bool) -> None:
    """Pass on the packet if this attribute is the payload; otherwise step over it, unless it shows that it was sent."""
    rows = decoding.require(rows, Attribute.SIZE, Refusal.LINK_CUT)
    attribute = (LittleAttribute if little else Attribute).of(rows)
    sound = attribute.length >= Attribute.SIZE
    rows, attribute = decoding.keep_if(rows, sound, Refusal.LINK_CUT), attribute.keep(sound)
    sent = _is_sent(rows, attribute)
    rows, attribute = decoding.keep_received(rows, sent), attribute.keep(~sent)
    length, is_payload = attribute.length, attribute.type == _PAYLOAD
    packet = rows.up_to(rows.at + length).keep(is_payload)
    decoding.next_header(packet.advance(Attribute.SIZE), EITHER_IP)
    decoding.next_header(rows.advance((length + 3) // 4 * 4).keep(~is_payload), NFLOG_LITTLE if little else NFLOG_BIG)


def _is_sent(rows: Rows, attribute: Attribute) -> NDArray[np.bool_]:
    """Return whether the attribute is a packet header with a hook that sees packets on their way out."""
    sent: NDArray[np.bool_] = (attribute.type == _PACKET_HEADER) & (attribute.length > _HOOK)
    sent &= rows.end - rows.at > _HOOK
    sent[sent] = np.isin(rows.keep(sent).u8(_HOOK), (_LOCAL_OUT, _POST_ROUTING))
    return sent
