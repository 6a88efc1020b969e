"""UDP payloads that say whether they ask or answer: for each protocol a request and a response, made independently.

The payloads are made by scapy or written out by hand; nothing here shares code with `shodohflo.wire.says`.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack
from typing import Final, SupportsBytes

from scapy.contrib.coap import CoAP
from scapy.contrib.gtp import GTPEchoRequest, GTPEchoResponse, GTPHeader
from scapy.contrib.gtp_v2 import GTPHeader as GTPv2Header
from scapy.contrib.gtp_v2 import GTPV2CreateSessionRequest, GTPV2CreateSessionResponse
from scapy.contrib.ikev2 import IKEv2
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DHCP6_Advertise, DHCP6_RelayForward, DHCP6_Reply, DHCP6_Solicit
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.ntp import NTPHeader
from scapy.layers.radius import Radius
from scapy.layers.tftp import TFTP, TFTP_RRQ, TFTP_WRQ

from shodohflo.columns.batch import Says

REQUEST, RESPONSE = Says.REQUEST, Says.RESPONSE


@dataclass(frozen=True, slots=True)
class Spoken:
    """A payload of a protocol, what it says, and the port of the service."""

    protocol: str
    payload: bytes
    says: Says
    port: int
    least: int
    """The bytes of the payload up to the last one that tells."""
    lengths: range = range(1 << 16)
    """The lengths of payloads that tell."""

    def said(self, captured: int, length: int | None = None) -> Says:
        """Return what is to be said if so many bytes were captured, of a payload of `length` bytes."""
        length = captured if length is None else length
        return self.says if captured >= self.least and length in self.lengths else Says.NOTHING

    @property
    def ports(self) -> tuple[int, int]:
        """Source and destination port, with 40000 as the client's."""
        return (40000, self.port) if self.says is REQUEST else (self.port, 40000)


def _both(protocol: str, port: int, least: int, request: SupportsBytes, response: SupportsBytes) -> list[Spoken]:
    """Return a request and a response: bytes, or packets of scapy."""
    return [
        Spoken(protocol, bytes(request), REQUEST, port, least),
        Spoken(protocol, bytes(response), RESPONSE, port, least),
    ]


_QUESTION = DNSQR(qname="example.org", qtype="A")
_ANSWER = DNSRR(rrname="example.org", rdata="192.0.2.1")


def netbios(flags: int) -> bytes:
    """Return a packet of the NetBIOS name service about the name `*`."""
    return pack("!HHHHHH", 7, flags, 1, 0, 0, 0) + b"\x20CK" + b"A" * 30 + b"\0" + pack("!HH", 0x21, 1)


def radius(code: int) -> bytes:
    """Return a packet of RADIUS."""
    return bytes(Radius(code=code, id=1, authenticator=bytes(range(16))))


def rpc(kind: int, program: int, procedure: int = 3) -> bytes:
    """Return a call (`kind` 0) of a procedure of version 3 of `program`, or a reply (1)."""
    rest = pack("!IIII", 2, program, 3, procedure) if kind == 0 else pack("!I", 0)
    return pack("!II", 0x1234_5678, kind) + rest + bytes(16)


def accepted(result: int = 0, *, flavour: int = 0, verifier: int = 0, state: int = 0, results: int = 8) -> bytes:
    """Return a reply (RFC 5531 section 9): its verifier, whether the call was a success, and `results` bytes."""
    return pack("!IIIIII", 0x1234_5678, 1, state, flavour, verifier, result) + bytes(range(results))


def rx(flags: int, kind: int = 1, size: int = 32) -> bytes:
    """Return a packet of Rx with `size` bytes behind its header: 1 data, 2 an acknowledgement, 13 the version."""
    header = pack("!IIIIIBBBBHH", 0x9000_0001, 0x0102_0304, 1, 1, 7, kind, flags, 0, 2, 0, 1)
    return header + bytes(range(size))


def stun(kind: int) -> bytes:
    """Return a STUN message without attributes, of type `kind`."""
    return pack("!HHI", kind, 0, 0x2112_A442) + bytes(range(12))


def dtls(handshake: int, version: int = 0xFEFD, epoch: int = 0, kind: int = 22) -> bytes:
    """Return a DTLS record that begins a handshake message."""
    return pack("!BHHHIH", kind, version, epoch, 0, 1, 60) + pack("!BBH", handshake, 0, 48) + bytes(56)


def ike(flags: int, version: int = 0x20) -> bytes:
    """Return a header of IKE."""
    return bytes(IKEv2(init_SPI=b"initiate", resp_SPI=b"response", next_payload=33, version=version, flags=flags))


def bacnet(kind: int, control: int = 0x04) -> bytes:
    """Return a PDU of `kind` in BACnet over IP."""
    return pack("!BBH", 0x81, 0x0A, 17) + bytes([1, control]) + bytes([kind << 4, 5, 1, 12, 12, 2, 0, 0, 1, 0x19, 0x55])


SPOKEN: Final = [
    *_both("DNS", 53, 3, DNS(qd=_QUESTION), DNS(qr=1, qd=_QUESTION, an=_ANSWER)),
    *_both("DNS", 5353, 3, DNS(rd=0, qd=_QUESTION), DNS(qr=1, aa=1, rd=0, an=_ANSWER)),
    *_both("DNS", 5355, 3, DNS(rd=0, qd=_QUESTION), DNS(qr=1, rd=0, qd=_QUESTION, an=_ANSWER)),
    *_both("NetBIOS names", 137, 3, netbios(0x0010), netbios(0x8400)),
    *_both("NTP", 123, 1, NTPHeader(mode=3), NTPHeader(mode=4, stratum=2)),
    *_both("NTP", 123, 1, NTPHeader(mode=3, version=3), NTPHeader(mode=5)),
    *_both("DHCP", 67, 1, BOOTP(op=1) / DHCP(options=["end"]), BOOTP(op=2) / DHCP(options=["end"])),
    *_both("DHCPv6", 547, 1, DHCP6_Solicit(), DHCP6_Advertise()),
    *_both("DHCPv6", 547, 1, DHCP6_RelayForward(), DHCP6_Reply()),
    *_both("RADIUS", 1812, 1, radius(1), radius(2)),
    *_both("RADIUS", 1813, 1, radius(4), radius(5)),
    *_both("RADIUS", 1645, 1, radius(12), radius(3)),
    *_both("RADIUS", 1646, 1, radius(4), radius(11)),
    *_both("RADIUS authorization", 3799, 1, radius(40), radius(42)),
    *_both("RADIUS authorization", 3799, 1, radius(43), radius(44)),
    # The tags of AS-REQ and AS-REP, TGS-REQ and KRB-ERROR, and the beginning of what is in them.
    *_both("Kerberos", 88, 1, b"\x6a\x81\xc8\x30\x81\xc5", b"\x6b\x82\x03\x11\x30\x82"),
    *_both("Kerberos", 88, 1, b"\x6c\x82\x05\x2f\x30\x82", b"\x7e\x81\xa2\x30\x81\x9f"),
    *_both("ONC RPC", 111, 8, rpc(0, 100_000), rpc(1, 0)),
    *_both("ONC RPC", 2049, 8, rpc(0, 100_003), rpc(1, 0)),
    *_both("IKEv2", 500, 20, ike(0x08), ike(0x20)),
    *_both("GTP control", 2123, 2, GTPHeader() / GTPEchoRequest(), GTPHeader() / GTPEchoResponse()),
    *_both(
        "GTP control",
        2123,
        2,
        GTPv2Header() / GTPV2CreateSessionRequest(),
        GTPv2Header() / GTPV2CreateSessionResponse(),
    ),
    *_both("SIP", 5060, 4, b"INVITE sip:anna@example.org SIP/2.0\r\n\r\n", b"SIP/2.0 180 Ringing\r\n\r\n"),
    *_both("SIP", 5061, 4, b"REGISTER sip:example.org SIP/2.0\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n"),
    *_both("PCP, NAT-PMP", 5351, 2, b"\0\0", b"\0\x80\0\0" + bytes(8)),
    *_both("PCP, NAT-PMP", 5351, 2, b"\x02\x01" + bytes(58), b"\x02\x81" + bytes(58)),
    *_both("CoAP", 5683, 2, CoAP(code=1, msg_id=9), CoAP(code=0x45, type=2, msg_id=9)),
    *_both("CoAP", 5683, 2, CoAP(code=3, msg_id=9), CoAP(code=0x84, type=2, msg_id=9)),
    *_both("BACnet", 47808, 7, bacnet(0), bacnet(3)),
    Spoken("TFTP", bytes(TFTP() / TFTP_RRQ(filename="pxelinux.0")), REQUEST, 69, 3),
    Spoken("TFTP", bytes(TFTP() / TFTP_WRQ(filename="running-config")), REQUEST, 69, 3),
    *_both("STUN", 3478, 8, stun(0x0001), stun(0x0101)),
    *_both("STUN", 19302, 8, stun(0x0003), stun(0x0113)),
    *_both("DTLS", 4433, 14, dtls(1), dtls(2)),
    *_both("DTLS", 5684, 14, dtls(1, 0xFEFF), dtls(3, 0xFEFF)),
    Spoken("ONC RPC", rpc(0, 100_005), REQUEST, 20048, 16),
    Spoken("ONC RPC", rpc(0, 0x2000_0001), REQUEST, 7000, 16),
    Spoken("ONC RPC reply", accepted(), RESPONSE, 20048, 24, range(24, 1 << 16, 4)),
    Spoken("ONC RPC reply", accepted(results=0), RESPONSE, 700, 24, range(24, 1 << 16, 4)),
    # Data of a call and of its answer; the last packet of a challenge's response; a question for the version.
    Spoken("AFS over Rx", rx(0x05), REQUEST, 7000, 22, range(28, 1 << 16)),
    Spoken("AFS over Rx", rx(0x06), RESPONSE, 7000, 22, range(28, 1 << 16)),
    Spoken("AFS over Rx", rx(0x21, 2), REQUEST, 7009, 22, range(28, 1 << 16)),
    Spoken("AFS over Rx", rx(0x00, 4, 4), RESPONSE, 7003, 22, range(28, 1 << 16)),
    Spoken("AFS over Rx", rx(0x01, 13, 0), REQUEST, 7021, 22, range(28, 1 << 16)),
    Spoken("AFS over Rx", rx(0x20, 13), RESPONSE, 7021, 22, range(28, 1 << 16)),
]
"""At least one of each row of the table."""
