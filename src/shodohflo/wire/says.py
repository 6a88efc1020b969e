"""What the first bytes of a UDP datagram say about its sender: that it asks, or that it answers.

`PORT_ROWS` and `ANY_PORT_ROWS` are one table, with a row for each protocol: where it is expected, and the field that
tells requests from responses. `says` reads one payload by the table; `read_says` does the same for columns. At most the
first 24 bytes are read, and of these only what the row needs; some rows look at the length of the datagram as well.

The row of a datagram is that of its destination port, or else that of its source port. If both ports have rows, and
not the same, the ports contradict each other and neither row is read. Where no port row tells anything, the signatures
of `ANY_PORT_ROWS` are tried. A byte that was not captured, or is beyond the datagram, tells nothing. For example:

    from 40000 to 53     12 34 01 00 00 01 ...    DNS, byte 2 & 0x80 is 0: a request
    from 53 to 40000     12 34 81 80 00 01 ...    DNS, byte 2 & 0x80 is 0x80: a response
    from 53 to 123       12 34 01 00 00 01 ...    DNS or NTP: nothing
    from 40000 to 40001  01 01 00 0c 21 12 a4 42  STUN by its cookie, class 0b10: a response
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.batch import Says
from shodohflo.columns.table import Table, column, shared, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.rows import Bytes

_ALL = 0xFFFF_FFFF

Values = tuple[range, ...]
"""The numbers that are in any of the ranges."""


def _of(*values: int | range) -> Values:
    return tuple(value if isinstance(value, range) else range(value, value + 1) for value in values)


ANY_LENGTH: Final = range(1 << 32)


@dataclass(frozen=True, slots=True)
class PayloadField:
    """An unsigned number in a payload, in network order: `size` bytes from byte `at` on, of which `mask` counts."""

    at: int
    size: int = 1
    """1, 2 or 4 bytes."""
    mask: int = _ALL

    @property
    def covers_all(self) -> bool:
        """Whether every bit of the number counts."""
        return self.mask == _ALL

    @property
    def end(self) -> int:
        """The bytes of the payload that must be there."""
        return self.at + self.size

    def read(self, payload: bytes) -> int:
        """Return the number in one payload, of at least `end` bytes."""
        return int.from_bytes(payload[self.at : self.end], "big") & self.mask

    def fetch(self, datagrams: Datagrams, chosen: NDArray[np.intp]) -> NDArray[np.uint32]:
        """Return the number in each of the `chosen` payloads, which have at least `end` bytes."""
        if self.end <= datagrams.head.shape[1]:
            numbers = self._view(datagrams.head[:, self.at : self.end])[datagrams.row[chosen]]
        else:
            numbers = self._view(datagrams.data.fetch(datagrams.at[chosen] + self.at, self.size).octets)
        return numbers.astype(np.uint32) & np.uint32(self.mask)

    def _view(self, octets: NDArray[np.uint8]) -> NDArray[Any]:
        return octets.view(f">u{self.size}")[:, 0]


@dataclass(frozen=True, slots=True)
class Given:
    """A condition on a payload: the field has one of the values."""

    field: PayloadField
    values: Values


@dataclass(frozen=True, slots=True)
class SaysRow:
    """A protocol: where it is expected, and the values of the field that tell a request from a response."""

    name: str
    ports: tuple[int, ...]
    """None for a signature, which holds on any port."""
    field: PayloadField
    words: str
    """What the field is, for the reference page."""
    requests: Values
    responses: Values
    source: str
    given: tuple[Given, ...] = ()
    """What else must be so. All datagrams are asked for the first condition of a signature, which few should meet."""
    lengths: range = ANY_LENGTH
    """The bytes that a payload has on the wire, however little of it was captured."""
    answers: bool = True
    """Whether datagrams *from* the ports are read too; if not, only those *to* them are."""

    @property
    def size(self) -> int:
        """The bytes of the payload that must have been captured."""
        return max(self.field.end, *(given.field.end for given in self.given), 0)

    def read(self, payload: bytes, length: int) -> Says:
        """Return what `payload`, of `length` bytes on the wire, says if it is of this protocol."""
        if len(payload) < self.size or length not in self.lengths:
            return Says.NOTHING
        if not all(_is_in(each.field.read(payload), each.values) for each in self.given):
            return Says.NOTHING
        number = self.field.read(payload)
        if _is_in(number, self.requests):
            return Says.REQUEST
        return Says.RESPONSE if _is_in(number, self.responses) else Says.NOTHING


_QUERY_RESPONSE = PayloadField(2, mask=0x80)
_FIRST = PayloadField(0)
_RPC_TYPE = PayloadField(7)

PORT_ROWS: Final = (
    SaysRow("DNS", (53, 5353, 5355), _QUERY_RESPONSE, "QR", _of(0), _of(0x80), "RFC 1035 section 4.1.1"),
    SaysRow("NetBIOS names", (137,), _QUERY_RESPONSE, "R", _of(0), _of(0x80), "RFC 1002 section 4.2.1.1"),
    SaysRow("NTP", (123,), PayloadField(0, mask=7), "mode", _of(3), _of(4, 5), "RFC 5905 section 7.3"),
    SaysRow("DHCP", (67, 68), _FIRST, "op", _of(1), _of(2), "RFC 2131 section 2"),
    SaysRow(
        "DHCPv6",
        (546, 547),
        _FIRST,
        "msg-type",
        _of(1, range(3, 7), 8, 9, 11, 12),
        _of(2, 7, 10, 13),
        "RFC 8415 section 7.3",
    ),
    SaysRow("RADIUS", (1812, 1813, 1645, 1646), _FIRST, "code", _of(1, 4, 12), _of(2, 3, 5, 11), "RFC 2865 section 3"),
    SaysRow("RADIUS authorization", (3799,), _FIRST, "code", _of(40, 43), _of(41, 42, 44, 45), "RFC 5176 section 2.3"),
    SaysRow(
        "Kerberos",
        (88,),
        _FIRST,
        "application tag",
        _of(0x6A, 0x6C),
        _of(0x6B, 0x6D, 0x7E),
        "RFC 4120 section 5.10",
    ),
    SaysRow("ONC RPC", (111, 2049), _RPC_TYPE, "msg_type", _of(0), _of(1), "RFC 5531 section 9"),
    SaysRow(
        "IKEv2",
        (500,),
        PayloadField(19, mask=0x08),
        "sent by the initiator",
        _of(0x08),
        _of(0),
        "RFC 7296 section 3.1",
        given=(Given(PayloadField(17, mask=0xF0), _of(0x20)),),
    ),
    SaysRow(
        "GTP control",
        (2123,),
        PayloadField(1),
        "message type",
        _of(1, 16, 18, 20, 32, 34, 36),
        _of(2, 17, 19, 21, 33, 35, 37),
        "3GPP TS 29.060 and 29.274",
    ),
    SaysRow(
        "SIP",
        (5060, 5061),
        PayloadField(3),
        "a letter of a method, or the slash of SIP/2.0",
        _of(range(0x41, 0x5B)),
        _of(0x2F),
        "RFC 3261 section 7",
    ),
    SaysRow("PCP, NAT-PMP", (5351,), PayloadField(1, mask=0x80), "R", _of(0), _of(0x80), "RFC 6887 section 7"),
    SaysRow(
        "CoAP",
        (5683,),
        PayloadField(1),
        "code",
        _of(range(0x01, 0x20)),
        _of(range(0x40, 0x60), range(0x80, 0xC0)),
        "RFC 7252 section 12.1",
    ),
    SaysRow(
        "BACnet",
        (47808,),
        PayloadField(6, mask=0xF0),
        "PDU type",
        _of(0),
        _of(0x20, 0x30, 0x50),
        "ASHRAE 135 clause 20",
        given=(Given(PayloadField(5, mask=0xA8), _of(0)),),
    ),
    SaysRow(
        "AFS over Rx",
        (*range(7000, 7010), 7021),
        PayloadField(21, mask=1),
        "sent by the client of the connection",
        _of(1),
        _of(0),
        "OpenAFS, rx.h: struct rx_header",
        # The type of the packet; and the header is complete.
        given=(Given(PayloadField(20), _of(range(1, 14))),),
        lengths=range(28, ANY_LENGTH.stop),
    ),
    SaysRow(
        "TFTP",
        (69,),
        PayloadField(2),
        "the first letter of a file name",
        _of(range(0x20, 0x7F)),
        (),
        "RFC 1350 section 5",
        given=(Given(PayloadField(0, 2), _of(1, 2)),),
        answers=False,
    ),
)
"""Protocols at well-known ports. A TFTP server answers from another port, so nothing from port 69 is read."""

ANY_PORT_ROWS: Final = (
    SaysRow(
        "STUN",
        (),
        PayloadField(0, 2, mask=0xC110),
        "class: request, success or error",
        _of(0),
        _of(0x0100, 0x0110),
        "RFC 8489 section 5",
        given=(Given(PayloadField(4, 4), _of(0x2112_A442)),),
    ),
    SaysRow(
        "DTLS",
        (),
        PayloadField(13),
        "handshake: client hello, server hello or verify request",
        _of(1),
        _of(2, 3),
        "RFC 6347 section 4.3.2",
        # A record of a handshake of version 1.0 or 1.2, in epoch 0: later epochs are encrypted.
        given=(
            Given(PayloadField(0), _of(22)),
            Given(PayloadField(1, 2), _of(0xFEFF, 0xFEFD)),
            Given(PayloadField(3, 2), _of(0)),
        ),
    ),
    SaysRow(
        "ONC RPC",
        (),
        PayloadField(12, 4),
        "program: assigned, of users, transient",
        _of(range(100_000, 101_000), range(0x2000_0000, 0x6000_0000)),
        (),
        "RFC 5531 sections 8.3 and 9",
        given=(Given(PayloadField(4, 4), _of(0)), Given(PayloadField(8, 4), _of(2))),
    ),
    SaysRow(
        "ONC RPC reply",
        (),
        PayloadField(20, 4),
        "accept_stat: success",
        (),
        _of(0),
        "RFC 5531 section 9",
        # A reply, accepted, and a verifier of the flavour AUTH_NONE without a body. XDR has words of 4 bytes.
        given=(
            Given(PayloadField(4, 4), _of(1)),
            Given(PayloadField(8, 4), _of(0)),
            Given(PayloadField(12, 4), _of(0)),
            Given(PayloadField(16, 4), _of(0)),
        ),
        lengths=range(24, ANY_LENGTH.stop, 4),
    ),
)
"""Protocols that are recognised at any port, by a number that hardly anything else begins with."""

_NO_ROW = len(PORT_ROWS)


def _rows_by_port(*, answers: bool) -> NDArray[np.uint8]:
    """Return the index in `PORT_ROWS` for each port, or `_NO_ROW`; with `answers` for the source port."""
    rows = np.full(1 << 16, _NO_ROW, np.uint8)
    for index, row in enumerate(PORT_ROWS):
        if row.answers or not answers:
            rows[list(row.ports)] = index
    return rows


_TO_PORT: Final = _rows_by_port(answers=False)
_FROM_PORT: Final = _rows_by_port(answers=True)


def says(payload: bytes, src_port: int, dst_port: int, length: int | None = None) -> Says:
    """Return what one datagram says; `payload` is as much of it as was captured, of `length` bytes if not of all."""
    length = len(payload) if length is None else length
    to, came = _TO_PORT[dst_port], _FROM_PORT[src_port]
    of_port = [PORT_ROWS[row] for row in {to, came} if row != _NO_ROW]
    rows = (*of_port, *ANY_PORT_ROWS) if len(of_port) == 1 else ANY_PORT_ROWS
    return next((said for row in rows if (said := row.read(payload, length))), Says.NOTHING)


_SHORTEST = min(row.size for row in ANY_PORT_ROWS)


@table
class Datagrams(Table):
    """UDP payloads, and the ports of their headers, as columns of equal length."""

    data: Bytes = shared()
    head: NDArray[np.uint8] = shared()
    """A matrix with the beginnings of payloads, as far as a decoder has fetched them: perhaps no bytes at all."""
    row: NDArray[np.int64] = column(np.int64)
    """The row of the payload in `head`."""
    at: NDArray[np.int64] = column(np.int64)
    """The position in the buffer at which the payload begins."""
    size: NDArray[np.int64] = column(np.int64)
    """The bytes of it that were captured; 0 or less if there are none. Those of `head` beyond them mean nothing."""
    length: NDArray[np.int64] = column(np.int64)
    """The bytes of it on the wire."""
    src_port: NDArray[np.uint16] = column(np.uint16)
    dst_port: NDArray[np.uint16] = column(np.uint16)


def read_says(datagrams: Datagrams) -> NDArray[np.uint8]:
    """Return what each of `datagrams` says, a column of `Says`: the same as `says` for each."""
    found = np.zeros(len(datagrams), np.uint8)
    index = _port_rows(datagrams)
    for row, count in enumerate(np.bincount(index, minlength=_NO_ROW)[:_NO_ROW].tolist()):
        if count:
            _read(PORT_ROWS[row], PORT_ROWS[row].given, datagrams, np.flatnonzero(index == row), found)
    _read_signatures(datagrams, found)
    return found


def _port_rows(datagrams: Datagrams) -> NDArray[np.uint8]:
    """Return the index in `PORT_ROWS` for each datagram, or `_NO_ROW`."""
    to, came = _TO_PORT[datagrams.dst_port], _FROM_PORT[datagrams.src_port]
    only_came, agree = to == _NO_ROW, (came == _NO_ROW) | (came == to)
    return np.where(only_came, came, np.where(agree, to, np.uint8(_NO_ROW)))


def _read_signatures(datagrams: Datagrams, found: NDArray[np.uint8]) -> None:
    """Try the signatures on the datagrams for which nothing was `found`, and write what they say into it."""
    left = np.flatnonzero((found == Says.NOTHING) & (datagrams.size >= _SHORTEST))
    numbers: dict[PayloadField, NDArray[np.uint32]] = {}
    for row in ANY_PORT_ROWS:
        field, values = row.given[0].field, row.given[0].values
        if field not in numbers:
            numbers[field] = field.fetch(datagrams, left)
        chosen = left[_are_in(numbers[field], values)]
        if len(chosen):
            _read(row, row.given[1:], datagrams, chosen[found[chosen] == Says.NOTHING], found)


def _read(
    row: SaysRow,
    given: tuple[Given, ...],
    datagrams: Datagrams,
    chosen: NDArray[np.intp],
    found: NDArray[np.uint8],
) -> None:
    """Write into `found` what the `chosen` of `datagrams` say by `row`, if they also meet the conditions `given`."""
    chosen = chosen[datagrams.size[chosen] >= row.size]
    if row.lengths != ANY_LENGTH:
        chosen = chosen[_are_in(datagrams.length[chosen], (row.lengths,))]
    for each in given:
        chosen = chosen[_are_in(each.field.fetch(datagrams, chosen), each.values)]
    if not len(chosen):
        return
    numbers = row.field.fetch(datagrams, chosen)
    said = _are_in(numbers, row.requests) * np.uint8(Says.REQUEST)
    found[chosen] = said | _are_in(numbers, row.responses) * np.uint8(Says.RESPONSE)


def _is_in(number: int, values: Values) -> bool:
    return any(number in each for each in values)


def _are_in(numbers: NDArray[np.uint32] | NDArray[np.int64], values: Values) -> NDArray[np.bool_]:
    """Return whether each of `numbers` is among `values`."""
    found = np.zeros(len(numbers), np.bool_)
    for each in values:
        among = numbers == each.start if len(each) == 1 else (numbers >= each.start) & (numbers < each.stop)
        found |= among if each.step == 1 else among & (numbers % each.step == each.start % each.step)
    return found
