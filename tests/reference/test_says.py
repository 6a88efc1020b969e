"""What first bytes say, read plainly: one example for each row, and the decoder agrees on every captured datagram."""

from __future__ import annotations

import pytest
from benchmarks import attribution_captures
from hypothesis import given
from hypothesis import strategies as st

from reference.ladder import Saying
from reference.says import ROWS, says
from shodohflo.model import UDP
from shodohflo.wire.says import says as decoded
from support.datagrams import SPOKEN
from support.machine import SHIPPED_CAPTURES

ASKS, ANSWERS, NOTHING = Saying.REQUEST, Saying.RESPONSE, Saying.NOTHING

STUN = "2112a442"
EXAMPLES = [
    ("a DNS query", 40000, 53, "123401000001", ASKS),
    ("its answer", 53, 40000, "123481800001", ANSWERS),
    ("ports of two rows", 53, 123, "123401000001", NOTHING),
    ("a short message", 40000, 53, "1234", NOTHING),
    ("NTP mode 3", 123, 123, "23", ASKS),
    ("NTP mode 4", 123, 123, "24", ANSWERS),
    ("NTP mode 1", 123, 123, "21", NOTHING),
    ("a SIP method", 5060, 5060, "494e56495445", ASKS),
    ("a SIP status", 5060, 5060, "5349502f322e30", ANSWERS),
    ("a TFTP read request", 2000, 69, "000166", ASKS),
    ("TFTP to the wrong port", 69, 2000, "000166", NOTHING),
    ("TFTP from a port with a row", 53, 69, "000166", NOTHING),
    ("an empty message of CoAP", 40000, 5683, "40000001", NOTHING),
    ("a STUN request on any port", 1, 2, "00010008" + STUN, ASKS),
    ("a STUN success", 1, 2, "01010008" + STUN, ANSWERS),
    ("a STUN error", 1, 2, "01110008" + STUN, ANSWERS),
    ("a STUN indication", 1, 2, "00110008" + STUN, NOTHING),
    ("a DTLS ClientHello", 1, 2, "16fefd" + 10 * "00" + "01", ASKS),
    ("a DTLS ServerHello", 1, 2, "16feff" + 10 * "00" + "02", ANSWERS),
    ("an RPC call to NFS", 700, 2000, "00000001" + "00000000" + "00000002" + "000186a3", ASKS),
    ("an RPC call to a transient program", 700, 2000, "00000001" + "00000000" + "00000002" + "5fffffff", ASKS),
    ("an accepted RPC reply", 2000, 700, "00000009" + "00000001" + 16 * "00" + "00000007", ANSWERS),
    ("a refused RPC reply", 2000, 700, "00000009" + "00000001" + "00000001" + 12 * "00", NOTHING),
    ("an RPC reply and a half word", 2000, 700, "00000009" + "00000001" + 16 * "00" + "0007", NOTHING),
    ("zeros", 2000, 700, 28 * "00", NOTHING),
    ("an Rx packet of the client", 7001, 7000, 20 * "00" + "0105" + 6 * "00", ASKS),
    ("an Rx packet of the service", 7000, 7001, 20 * "00" + "0204" + 6 * "00", ANSWERS),
    ("a type that Rx does not have", 7001, 7000, 20 * "00" + "0e01" + 6 * "00", NOTHING),
    ("a part of an Rx header", 7001, 7021, 20 * "00" + "0101" + 5 * "00", NOTHING),
    ("a DTLS record of a later epoch", 1, 2, "16fefd" + "0001" + 8 * "00" + "01", NOTHING),
    ("a cookie behind no STUN", 1, 2, "80010008" + STUN, NOTHING),
    ("an RPC call to no program", 700, 2000, "00000001" + "00000000" + "00000002" + "00000000", NOTHING),
]


@pytest.mark.parametrize(("sport", "dport", "payload", "expected"), [pytest.param(*e[1:], id=e[0]) for e in EXAMPLES])
def test_first_bytes_say_request_or_response(sport: int, dport: int, payload: str, expected: Saying) -> None:
    """Each example says what its name says."""
    assert says(bytes.fromhex(payload), sport, dport) == expected


def test_the_decoder_says_the_same_of_every_captured_datagram() -> None:
    """The column of every datagram of the shipped captures is what the plain table says of its payload."""
    seen = [
        each
        for path in attribution_captures.captures([SHIPPED_CAPTURES])
        for each in attribution_captures.read(path).seen
    ]
    datagrams = [each for each in seen if each.packet.protocol == UDP]

    wrong = [
        each
        for each in datagrams
        if each.packet.says != says(each.payload, each.packet.sport, each.packet.dport, each.length)
    ]

    assert wrong == []
    assert len({each.packet.says for each in datagrams}) == 3


PORTS = st.sampled_from([*ROWS, 69, 40000])
BYTES = st.sampled_from(bytes.fromhex("00 01 02 03 16 21 12 a4 42 fe fd 80 40 20 6a 86 a3 2f 41"))


@st.composite
def almost_spoken(draw: st.DrawFn) -> bytes:
    """Draw the beginning of a real payload with up to two bytes overwritten."""
    payload = bytearray(draw(st.sampled_from(SPOKEN)).payload[:32])
    for place, value in draw(st.lists(st.tuples(st.integers(0, 23), BYTES), max_size=2)):
        payload[place % len(payload)] = value
    return bytes(payload[: draw(st.integers(0, 32))])


PAYLOADS = st.lists(BYTES, max_size=32).map(bytes) | st.binary(max_size=32) | almost_spoken()


@given(PORTS, PORTS, PAYLOADS, st.integers(0, 9))
def test_the_decoders_table_is_the_plain_one(sport: int, dport: int, payload: bytes, cut: int) -> None:
    """Both tables, which were written apart, say the same of any bytes on any ports, also of a beginning."""
    length = len(payload) + cut

    assert int(decoded(payload, sport, dport, length)) == int(says(payload, sport, dport, length))
