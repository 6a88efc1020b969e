"""Who is the service in truth: by a pass over a whole capture, as far as possible not by what the ladder looks at.

TCP: the sender of a SYN that the other end's SYN-ACK acknowledges is the client. This is what the rung *handshake*
reads too, so with openings seen it is right by construction; the settings that hide openings hide them from the judge.

UDP, the first of these that answers:

* `echo`: a message names itself (the identifier of a question, a time, a transaction), and the other end repeats the
  name within 10 s: who named it first is the client. Independent of the byte that the rung *bits* reads, except that
  the same port or signature says which protocol it is.
* `request`: a TFTP read or write request with file name and mode makes its sender the client in the flow that answers
  it from a new port. The ladder reads the beginning of the same packet.
* `first`: the flow begins at least 1 s after the capture, and is never again silent for as long as it was before it
  began, so it was not joined in a pause; its first datagram is answered within 10 s; and neither end is by the same
  measure a client here and a service there (a peer). No rung asks who was first.

Flows are set apart, by reason: with a group, where the service is the group by definition; perhaps begun before the
capture, so that who was first is unknown; without an answer; where both ends ask; of peers; opened from both ends.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from reference.ladder import SECOND, Flow
from shodohflo.model import TCP, UDP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.attribution_captures import Recording, Seen
    from shodohflo.model import End

SOON: Final = 10 * SECOND
"""An answer comes within this time."""

MARGIN: Final = 1 * SECOND
"""What begins so long after the capture did not begin before it."""

_BROADCAST: Final = IPv4Address("255.255.255.255")
_SYN, _ACK = 0x02, 0x10


@dataclass(frozen=True, slots=True)
class Known:
    """The truth about one flow."""

    service: int
    """The side of the service."""
    by: str
    """How it is known: `opening`, `echo`, `request` or `first`."""


@dataclass(slots=True)
class Truth:
    """The truth about a capture."""

    known: dict[Flow, Known] = field(default_factory=dict)
    apart: Counter[str] = field(default_factory=Counter)
    """Flows with payload whose truth is not known, by reason."""


def find(recording: Recording) -> Truth:
    """Return the truth about the flows of `recording` that have payload."""
    by_flow: dict[Flow, list[Seen]] = defaultdict(list)
    for seen in recording.seen:
        by_flow[seen.flow].append(seen)
    truth = Truth()
    for flow, packets in by_flow.items():
        if flow.protocol == TCP and any(seen.packet.is_payload for seen in packets):
            _settle(truth, flow, _opened(packets), "opening")
    _find_udp(truth, {flow: packets for flow, packets in by_flow.items() if flow.protocol == UDP}, recording)
    return truth


def _settle(truth: Truth, flow: Flow, clients: set[int] | str, by: str) -> None:
    """Write down the truth about `flow`, or why it is set apart."""
    if isinstance(clients, str):
        truth.apart[clients] += 1
    elif len(clients) == 1:
        truth.known[flow] = Known(1 - clients.pop(), by)
    else:
        truth.apart["both ends open or ask" if clients else "no opening seen"] += 1


def _opened(packets: Iterable[Seen]) -> set[int]:
    """Return the sides whose SYN the other side acknowledged."""
    syns: set[tuple[int, int]] = set()
    clients = set()
    for seen in packets:
        if seen.packet.opens and not seen.packet.flags & _ACK:
            syns.add((seen.side, seen.packet.number))
        elif seen.packet.opens and (1 - seen.side, seen.packet.number) in syns:
            clients.add(1 - seen.side)
    return clients


# UDP


def _find_udp(truth: Truth, flows: dict[Flow, list[Seen]], recording: Recording) -> None:
    begin = recording.seen[0].packet.time if recording.seen else 0
    requesters = {
        (seen.packet.src, seen.packet.sport)
        for packets in flows.values()
        for seen in packets
        if seen.packet.dport == 69 and _TFTP_REQUEST.match(seen.payload)
    }
    first: dict[Flow, int] = {}
    for flow, packets in flows.items():
        if any(_is_group(end, packets) for end in flow.ends):
            truth.apart["group: right by definition"] += 1
        elif flow.ends[0] == flow.ends[1]:
            truth.apart["an end with itself"] += 1
        elif named := _echoed(packets):
            _settle(truth, flow, named, "echo")
        elif asked := {side for side, end in enumerate(flow.ends) if (end.address, end.port) in requesters}:
            _settle(truth, flow, asked, "request")
        elif not _answered_soon(packets):
            truth.apart["no answer"] += 1
        elif packets[0].packet.time - begin < max(MARGIN, _longest_silence(packets)):
            truth.apart["perhaps begun before the capture"] += 1
        else:
            first[flow] = packets[0].side
    _by_order(truth, first)


def _by_order(truth: Truth, first: dict[Flow, int]) -> None:
    """Take the first to speak for the client, except among peers."""
    clients = {flow.ends[side] for flow, side in first.items()}
    services = {flow.ends[1 - side] for flow, side in first.items()}
    for flow, known in truth.known.items():
        if flow.protocol == UDP:
            clients.add(flow.ends[1 - known.service])
            services.add(flow.ends[known.service])
    peers = clients & services
    for flow, side in first.items():
        _settle(truth, flow, "peers" if peers.intersection(flow.ends) else {side}, "first")


def _is_group(end: End, packets: Iterable[Seen]) -> bool:
    if end.address.is_multicast or end.address == _BROADCAST:
        return True
    # The networks of a capture are unknown; .255 is nearly always a broadcast address, unless it sends.
    ends_in_255 = isinstance(end.address, IPv4Address) and end.address.packed[3] == 255
    return ends_in_255 and all(seen.packet.src != end.address for seen in packets)


def _answered_soon(packets: list[Seen]) -> bool:
    begin, side = packets[0].packet.time, packets[0].side
    return any(seen.side != side and seen.packet.time - begin <= SOON for seen in packets)


def _longest_silence(packets: list[Seen]) -> int:
    return max((after.packet.time - before.packet.time for before, after in pairwise(packets)), default=0)


def _echoed(packets: list[Seen]) -> set[int]:
    """Return the sides that named something which the other side repeated."""
    named: dict[tuple[int, bytes], int] = {}
    clients: set[int] = set()
    repeated: set[bytes] = set()
    for seen in packets:
        gives, repeats = _names(seen)
        at = named.get((1 - seen.side, repeats)) if repeats else None
        if at is not None and seen.packet.time - at <= SOON:
            clients.add(1 - seen.side)
            repeated.add(repeats)
        # What repeats a name gives none, not even by being repeated again.
        elif gives and gives not in repeated and (1 - seen.side, gives) not in named:
            named[seen.side, gives] = seen.packet.time
    return clients


def _names(seen: Seen) -> tuple[bytes, bytes]:
    """Return the name that a datagram gives to itself and the one that it repeats, empty if there is none."""
    payload, ports = seen.payload, (seen.packet.dport, seen.packet.sport)
    if payload[4:8] == _STUN_COOKIE:
        return _same(b"stun" + payload[4:20])
    reader = next((_READERS[port] for port in ports if port in _READERS), _rpc)
    return reader(payload)


def _same(name: bytes) -> tuple[bytes, bytes]:
    return name, name


def _slice(begin: int, end: int) -> Callable[[bytes], tuple[bytes, bytes]]:
    return lambda payload: _same(payload[begin:end]) if len(payload) >= end else (b"", b"")


def _dns(payload: bytes) -> tuple[bytes, bytes]:
    """Return identifier and first question, which the answer repeats."""
    end = payload.find(b"\0", 12)
    if len(payload) < 17 or payload[4:6] == b"\0\0" or end < 0:
        return b"", b""
    return _same(payload[:2] + payload[12 : end + 5].lower())


def _netbios(payload: bytes) -> tuple[bytes, bytes]:
    """Return identifier and name, which is the question's in a request and the record's in an answer."""
    return _same(payload[:2] + payload[12:46]) if len(payload) >= 46 else (b"", b"")


def _ntp(payload: bytes) -> tuple[bytes, bytes]:
    """Return the transmit timestamp, which comes back as the originate timestamp."""
    return (payload[40:48], payload[24:32].strip(b"\0") and payload[24:32]) if len(payload) >= 48 else (b"", b"")


def _ike(payload: bytes) -> tuple[bytes, bytes]:
    """Return the initiator's SPI: given with a responder's SPI of zero, and repeated with one."""
    if len(payload) < 28:
        return b"", b""
    return (payload[:8], b"") if payload[8:16] == bytes(8) else (b"", payload[:8])


def _rpc(payload: bytes) -> tuple[bytes, bytes]:
    """Return the transaction of an ONC RPC message: a call of version 2, or a reply, accepted or denied."""
    calls = payload[4:12] == b"\0\0\0\0\0\0\0\2" and len(payload) >= 24
    replies = payload[4:11] == b"\0\0\0\1\0\0\0" and len(payload) >= 12 and payload[11] < 2
    return _same(b"rpc" + payload[:4]) if calls or replies else (b"", b"")


def _gtp(payload: bytes) -> tuple[bytes, bytes]:
    """Return the sequence number, which is elsewhere in version 1 and, by a flag, in version 2."""
    if len(payload) < 12:
        return b"", b""
    if payload[0] >> 5 == 1:
        return _same(payload[8:10])
    return _same(payload[8:11] if payload[0] & 8 else payload[4:7])


def _sip(payload: bytes) -> tuple[bytes, bytes]:
    """Call-ID and CSeq, which a response repeats."""
    call, number = _CALL_ID.search(payload), _CSEQ.search(payload)
    return _same(call[1].strip() + b" " + number[1].strip()) if call and number else (b"", b"")


def _asn1(payload: bytes) -> tuple[bytes, bytes]:
    """Return the first integer after version and community (SNMP), in the header (SNMPv3), or of the message (LDAP)."""
    found = _SNMP.match(payload) or _SNMP3.match(payload) or _LDAP.match(payload)
    return _same(found[1]) if found else (b"", b"")


_STUN_COOKIE: Final = b"\x21\x12\xa4\x42"
_TFTP_REQUEST: Final = re.compile(rb"\0[\1\2][^\0]+\0(netascii|octet|mail)\0", re.IGNORECASE)
_CALL_ID: Final = re.compile(rb"^(?:Call-ID|i)\s*:([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_CSEQ: Final = re.compile(rb"^CSeq\s*:([^\r\n]+)", re.IGNORECASE | re.MULTILINE)

_LENGTH = rb"(?:[\0-\x7f]|\x81.|\x82..)"
_NUMBER = rb"\x02(\x01.|\x02..|\x03...|\x04....|\x05.....)"
_SNMP: Final = re.compile(
    rb"\x30" + _LENGTH + rb"\x02\x01[\0\1]\x04" + _LENGTH + rb".*?[\xa0-\xa8]" + _LENGTH + _NUMBER, re.DOTALL
)
_SNMP3: Final = re.compile(rb"\x30" + _LENGTH + rb"\x02\x01\x03\x30" + _LENGTH + _NUMBER, re.DOTALL)
_LDAP: Final = re.compile(rb"\x30" + _LENGTH + _NUMBER, re.DOTALL)

_READERS: Final[dict[int, Callable[[bytes], tuple[bytes, bytes]]]] = {
    53: _dns,
    5353: _dns,
    5355: _dns,
    137: _netbios,
    123: _ntp,
    67: _slice(4, 8),
    68: _slice(4, 8),
    546: _slice(1, 4),
    547: _slice(1, 4),
    **dict.fromkeys((1812, 1813, 1645, 1646, 3799), _slice(1, 2)),
    **dict.fromkeys((161, 162, 389), _asn1),
    500: _ike,
    2123: _gtp,
    3478: _slice(4, 20),
    5060: _sip,
    5061: _sip,
    5683: _slice(2, 4),
}
