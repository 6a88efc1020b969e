"""What the first bytes of datagrams say: real bytes of each protocol, each cut, and columns against the plain form."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.batch import Says
from shodohflo.wire.decode import Packets, decode
from shodohflo.wire.registry import TABLE
from shodohflo.wire.rows import Bytes
from shodohflo.wire.says import ANY_PORT_ROWS, PORT_ROWS, Datagrams, read_says, says
from support.datagrams import REQUEST, RESPONSE, SPOKEN, accepted, bacnet, dtls, ike, rpc, rx, stun
from support.long_way import LONG
from support.packets import ethernet, frames_of, ip, tag, udp
from support.sound import A, B

if TYPE_CHECKING:
    from shodohflo.wire.decoding import DecoderTable
    from shodohflo.wire.says import SaysRow
    from support.datagrams import Spoken

NOTHING = Says.NOTHING
ROWS: Final = (*PORT_ROWS, *ANY_PORT_ROWS)
HOSTS = [("10.0.0.1", "10.0.0.2"), (A, B)]
BOTH_WAYS = [TABLE, LONG]
WAYS = ["shortcut", "header by header"]


def column(packets: Packets) -> list[Says]:
    """Return what each packet says, in the order of their times."""
    said = [pair for batch in packets.batches for pair in zip(batch.first.tolist(), batch.says.tolist(), strict=True)]
    return [Says(says) for _, says in sorted(said)]


def read(*datagrams: tuple[bytes, int, int], head: int = 0, cut: int = 0) -> list[Says]:
    """Return what each payload says by the columns, if it comes from the first port to the second.

    On the wire it had `cut` bytes more.

    The payloads stand one after the other, and nothing behind the last. The first `head` bytes of each, where 0 stands
    for what is missing, have been fetched before, in the opposite order.
    """
    frames = frames_of(*(payload for payload, _, _ in datagrams))
    columns = Datagrams(
        data=Bytes(frames),
        head=np.array(
            [list(payload.ljust(head, b"\0")[:head]) for payload, _, _ in reversed(datagrams)], np.uint8
        ).reshape(len(datagrams), head),
        row=np.arange(len(datagrams))[::-1],
        at=frames.start,
        size=frames.captured,
        length=frames.captured + cut,
        src_port=np.array([src for _, src, _ in datagrams], np.uint16),
        dst_port=np.array([dst for _, _, dst in datagrams], np.uint16),
    )
    return list(map(Says, read_says(columns).tolist()))


# The protocols


@pytest.mark.parametrize("spoken", SPOKEN, ids=lambda spoken: f"{spoken.protocol} {spoken.port} {spoken.says.name}")
def test_each_protocol_says_whether_it_asks(spoken: Spoken) -> None:
    """Real bytes of each protocol say request or response, from and to its port."""
    assert says(spoken.payload, *spoken.ports) is spoken.says


@pytest.mark.parametrize("table", BOTH_WAYS, ids=WAYS)
@pytest.mark.parametrize(("src", "dst"), HOSTS)
def test_decoding_says_the_same(src: str, dst: str, table: DecoderTable) -> None:
    """Decoded packets have it as a column, in both families, by the shortcut and without it."""
    packets = [ip(udp(*each.ports, each.payload), 17, src, dst) for each in SPOKEN]

    assert column(decode(frames_of(*packets), table=table)) == [each.says for each in SPOKEN]


def test_every_row_is_tried() -> None:
    """Each row of the table has real bytes of a request here, and of a response if it tells responses."""
    told = {(each.protocol, each.says) for each in SPOKEN}

    assert told == {
        (row.name, said)
        for row in ROWS
        for said, values in ((REQUEST, row.requests), (RESPONSE, row.responses))
        if values
    }


def test_every_port_is_in_one_row() -> None:
    """No port has two rows, and signatures have no ports."""
    ports = [port for row in PORT_ROWS for port in row.ports]

    assert len(ports) == len(set(ports))
    assert all(row.ports for row in PORT_ROWS)
    assert not any(row.ports for row in ANY_PORT_ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_no_value_is_both_request_and_response(row: SaysRow) -> None:
    """The values of a row are apart from each other and possible under its mask."""
    values = sorted((*row.requests, *row.responses), key=lambda value: value.start)

    assert all(one.stop <= other.start for one, other in pairwise(values))
    assert all(value & row.field.mask == value for each in values for value in (each[0], each[-1]))


# Cuts


@pytest.mark.parametrize("spoken", SPOKEN, ids=lambda spoken: f"{spoken.protocol} {spoken.port} {spoken.says.name}")
def test_a_missing_byte_says_nothing(spoken: Spoken) -> None:
    """A payload that ends before the last byte that tells says nothing, and one that ends behind it says all."""
    cuts = range(len(spoken.payload) + 1)
    expected = [spoken.said(cut) for cut in cuts]

    assert [says(spoken.payload[:cut], *spoken.ports) for cut in cuts] == expected
    assert read(*((spoken.payload[:cut], *spoken.ports) for cut in cuts)) == expected


@pytest.mark.parametrize("table", BOTH_WAYS, ids=WAYS)
@pytest.mark.parametrize(("src", "dst"), HOSTS)
def test_no_byte_behind_a_cut_is_read(src: str, dst: str, table: DecoderTable) -> None:
    """Where the capture, the UDP length or the IP length ends the datagram, what stands behind says nothing."""
    for spoken in SPOKEN:
        cuts = range(len(spoken.payload) + 1)
        whole = ip(udp(*spoken.ports, spoken.payload), 17, src, dst)
        size = len(whole) - len(spoken.payload)
        captured = [whole[: size + cut] for cut in cuts]
        by_udp = [ip(udp(*spoken.ports, spoken.payload, 8 + cut), 17, src, dst) for cut in cuts]
        by_ip = [ip(udp(*spoken.ports, spoken.payload[:cut]), 17, src, dst) + spoken.payload[cut:] for cut in cuts]

        expected = [spoken.said(cut, len(spoken.payload)) for cut in cuts]
        assert column(decode(frames_of(*captured, original=len(whole)), table=table)) == expected
        expected = [spoken.said(cut) for cut in cuts]
        assert column(decode(frames_of(*by_udp), table=table)) == expected
        assert column(decode(frames_of(*by_ip), table=table)) == expected


def test_a_datagram_without_payload_says_nothing() -> None:
    """Neither an empty datagram nor one whose header was cut off says anything."""
    packet = ip(udp(40000, 53), 17)

    assert column(decode(frames_of(*(packet[:cut] for cut in range(24, 29)), original=40))) == [NOTHING] * 5


def test_without_a_length_the_packet_ends_the_datagram() -> None:
    """A UDP length of 0 stands for the rest of the packet (RFC 2675 section 4)."""
    packets = [ip(udp(40000, 53, bytes(size), 0), 17, A, B) for size in (2, 3)]

    assert column(decode(frames_of(*packets))) == [NOTHING, REQUEST]


# Ports


def test_the_row_of_the_destination_goes_before_that_of_the_source() -> None:
    """One row is read: that of the destination port, or else that of the source port; none if both differ."""
    question = b"\x12\x34\x01\0\0\1"

    assert says(question, 40000, 53) is REQUEST
    assert says(question, 53, 40000) is REQUEST
    assert says(question, 53, 53) is says(question, 5353, 53) is REQUEST
    assert says(question, 53, 123) is says(question, 123, 53) is NOTHING
    assert says(question, 40000, 40001) is NOTHING


def test_a_port_row_that_tells_nothing_leaves_it_to_the_signatures() -> None:
    """STUN is recognised at ports of other protocols, where these tell nothing, or contradict each other."""
    assert says(stun(0x0101), 123, 40000) is RESPONSE
    assert says(stun(0x0101), 53, 123) is RESPONSE
    assert says(stun(0x0101), 53, 40000) is REQUEST  # as DNS, whose row goes first


def test_tftp_is_read_only_on_its_way_to_the_server() -> None:
    """A read or write request to port 69 says so; data, acknowledgements and anything from port 69 say nothing."""
    assert says(b"\0\1boot", 40000, 69) is REQUEST
    assert says(b"\0\1boot", 69, 40000) is NOTHING
    assert says(b"\0\1boot", 69, 69) is REQUEST
    for other in (b"\0\3\0\1data", b"\0\4\0\1", b"\0\5\0\0no", b"\0\1\0", b"\0\1\x1f", b"\0\1\x7f", b"\1\1boot"):
        assert says(other, 40000, 69) is NOTHING


# What says neither


@pytest.mark.parametrize(
    ("payload", "port"),
    [
        (bytes([0x21]), 123),  # symmetric active: either end may
        (bytes([0x26]), 123),  # a control message: both ways
        (stun(0x0011), 3478),  # an indication, which both ends send
        (stun(0x8001), 3478),  # no STUN: the first two bits are not 0
        (stun(0x0001)[:4] + b"\x21\x12\xa4\x43" + bytes(12), 3478),  # another cookie
        (dtls(1, epoch=1), 4433),  # encrypted
        (dtls(1, epoch=256), 4433),
        (dtls(16), 4433),  # a key exchange
        (dtls(1, kind=23), 4433),  # application data
        (dtls(1, version=0xFEFE), 4433),
        (rpc(0, 99_999), 7000),
        (rpc(0, 101_000), 7000),
        (rpc(0, 0x6000_0000), 7000),
        (bytes(24), 20048),  # nothing but zeros
        (bytes(400), 20048),
        (bytes(400), 7000),
        (accepted(state=1), 20048),  # denied
        (accepted(flavour=6, verifier=8), 20048),  # GSS: what follows stands elsewhere
        (accepted(flavour=1), 20048),
        (accepted(verifier=4), 20048),
        (accepted(1), 20048),  # no such program
        (accepted(0x0100_0000), 20048),
        (accepted(results=7), 20048),  # no whole words
        (accepted()[:23], 20048),
        (rx(1, 0), 7000),  # no types of Rx
        (rx(1, 14), 7000),
        (rx(1, 255), 7000),
        (rx(1, size=0)[:27], 7000),  # no complete header
        (rx(1), 6999),
        (rx(1), 7010),
        (rx(1), 7020),
        (ike(0x08, version=0x10), 500),  # version 1
        (bacnet(1), 47808),  # an unconfirmed request, which any device may send
        (bacnet(0, control=0x24), 47808),  # to another network: the PDU stands elsewhere
        (b"\x60\0\0\x09", 5683),  # an empty acknowledgement
        (b"ACK sip:anna@example.org SIP/2.0", 5060),
        (b"\r\n\r\n", 5060),
    ],
)
def test_what_both_ends_may_send_says_nothing(payload: bytes, port: int) -> None:
    """Messages of these protocols that do not tell the client from the service say nothing, either way."""
    assert says(payload, 40000, port) is says(payload, port, 40000) is NOTHING
    assert read((payload, 40000, port), (payload, port, 40000)) == [NOTHING, NOTHING]


def test_the_length_is_that_on_the_wire() -> None:
    """A payload of which the capture has only the beginning is judged by the length that it had."""
    reply, call = (accepted()[:26], 20048, 40000), (rx(1)[:22], 40000, 7000)

    assert says(*reply) is says(*call) is NOTHING
    assert read(reply, call) == [NOTHING, NOTHING]
    assert (says(*reply, 28), says(*reply, 29), says(*call, 27), says(*call, 28)) == (
        RESPONSE,
        NOTHING,
        NOTHING,
        REQUEST,
    )
    assert read(reply, call, cut=2) == [RESPONSE, NOTHING]
    assert read(reply, call, cut=6) == [RESPONSE, REQUEST]
    assert read(reply, call, cut=7) == [NOTHING, REQUEST]


@pytest.mark.parametrize("table", BOTH_WAYS, ids=WAYS)
def test_the_length_is_that_of_the_udp_header(table: DecoderTable) -> None:
    """Neither a fragment's end nor that of the capture counts; without a UDP length, the end of the packet does."""
    fragments = [ip(udp(20048, 40000, accepted(results=16), 8 + size), 17, fragment=0x2000) for size in (2000, 2001)]
    jumbo = [ip(udp(20048, 40000, accepted(results=size), 0), 17, A, B)[:-2] for size in (16, 18)]
    captured = [ip(udp(20048, 40000, accepted(results=size)), 17, A, B)[:-2] for size in (16, 18)]

    for cut in (fragments, jumbo, captured):
        assert column(decode(frames_of(*cut, original=66), table=table)) == [RESPONSE, NOTHING]


# Columns and plain form


PORTS: Final = [port for row in PORT_ROWS for port in row.ports] + [0, 443, 3478, 40000, 65535]


@st.composite
def almost_spoken(draw: st.DrawFn) -> tuple[bytes, int, int]:
    """Draw a payload of some protocol with up to two bytes overwritten, perhaps cut short, and its ports or others."""
    spoken = draw(st.sampled_from(SPOKEN))
    payload = bytearray(spoken.payload[:30])
    for place, value in draw(st.lists(st.tuples(st.integers(0, 23), st.integers(0, 255)), max_size=2)):
        if place < len(payload):
            payload[place] = value
    end = draw(st.just(len(payload)) | st.integers(0, len(payload)))
    ports = draw(st.just(spoken.ports) | st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)))
    return bytes(payload[:end]), *ports


RUBBISH = st.tuples(
    st.binary(max_size=30)
    # Bytes that several rows or signatures look at, more often than chance has them.
    | st.lists(st.sampled_from([b"\x16\xfe\xfd\0", b"\x16\xfe\xff\0", b"\0\0\0\0", b"\0\0\0\2", b"\0\1\x86\xa0",
                                b"\x20\1\x86\xa0", b"\x20\3\x86\xa0", b"\x21\x12\xa4\x42",
                                b"\0\0\0\1"]), max_size=8).map(b"".join),
    st.sampled_from(PORTS),
    st.sampled_from(PORTS),
)  # fmt: skip


@given(st.lists(almost_spoken() | RUBBISH, max_size=30), st.sampled_from([0, 1, 12, 24]), st.integers(0, 9))
def test_columns_say_what_the_plain_form_says(datagrams: list[tuple[bytes, int, int]], head: int, cut: int) -> None:
    """Any payloads between any ports say the same as columns as they do one by one, whatever was fetched before."""
    expected = [says(*datagram, len(datagram[0]) + cut) for datagram in datagrams]

    assert read(*datagrams, head=head, cut=cut) == expected


@given(st.lists(almost_spoken() | RUBBISH, max_size=12), st.sampled_from(HOSTS), st.sampled_from(BOTH_WAYS))
def test_so_do_decoded_packets(
    datagrams: list[tuple[bytes, int, int]], hosts: tuple[str, str], table: DecoderTable
) -> None:
    """Any datagrams in packets of either family say it too, by the shortcut and without it."""
    packets = [ip(udp(src, dst, payload), 17, *hosts) for payload, src, dst in datagrams]

    decoded = decode(frames_of(*packets, guard=b"\0\1"), table=table)

    assert column(decoded) == [says(*datagram) for datagram in datagrams]


def test_the_first_signature_that_fits_is_taken() -> None:
    """Bytes that begin both a DTLS hello and a call of RPC say what DTLS says, as in the plain form."""
    both = b"\x16\xfe\xfd\0" + bytes(4) + b"\0\0\0\2" + b"\x20\3\0\0" + bytes(8)

    assert read((both, 1, 2)) == [says(both, 1, 2)] == [RESPONSE]


# Around the datagram


def test_a_first_fragment_says_it() -> None:
    """The first fragment of a datagram says what it begins with; later ones are refused."""
    fragments = [ip(udp(40000, 53, bytes(24), 3000), 17, fragment=0x2000), ip(bytes(32), 17, fragment=0x0004)]

    decoded = decode(frames_of(*fragments))

    assert column(decoded) == [REQUEST]
    assert decoded.refused == {"later_fragment": 1}


def test_packets_in_tunnels_say_it_too() -> None:
    """What is inside a tunnel says it for itself, whether it is opened always or as asked for."""
    answer = ip(udp(53, 40000, b"\0\0\x80"), 17)
    inside = ip(udp(5000, 4789, b"\x08" + bytes(7) + ethernet(answer)), 17)

    decoded = decode(frames_of(inside), frozenset({"vxlan"}))

    assert column(decode(frames_of(ip(answer, 4)))) == [RESPONSE]
    assert (column(decoded), column(decoded.inside)) == ([NOTHING], [RESPONSE])


def test_tags_and_options_change_nothing() -> None:
    """Packets that are not plain say the same as plain ones."""
    datagram = udp(53, 40000, b"\0\0\x80" + bytes(20))
    frames = [
        ethernet(ip(datagram, 17)),
        ethernet(tag(0x0800) + ip(datagram, 17), 0x8100),
        ethernet(ip(datagram, 17, options=8)),
        ethernet(ip(datagram, 17, A, B), 0x86DD),
    ]

    assert column(decode(frames_of(*frames, layer=1))) == [RESPONSE] * 4
