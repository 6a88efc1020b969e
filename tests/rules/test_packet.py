"""The text format of packets, parsed and written, and the errors for malformed text."""

from __future__ import annotations

import re
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.model import ICMP, TCP, UDP
from shodohflo.rules.packet import Packet
from support.made_packets import packets


@given(packets())
def test_every_packet_survives_a_round_trip_through_text(packet: Packet) -> None:
    """`from_text(packet.to_text())` returns an equal packet."""
    assert Packet.from_text(packet.to_text()) == packet


@pytest.mark.parametrize(
    ("text", "protocol", "flags"),
    [
        ("8.8.8.8:53 > 10.0.0.1:40000 udp", UDP, 0),
        ("8.8.8.8:53 > 10.0.0.1:40000 tcp", TCP, 0),
        ("8.8.8.8:53 > 10.0.0.1:40000 tcp rst", TCP, 0x04),
        ("8.8.8.8:53 > 10.0.0.1:40000 tcp syn ack", TCP, 0x12),
        ("8.8.8.8:53 > 10.0.0.1:40000 tcp fin psh ack urg", TCP, 0x39),
        ("8.8.8.8:53 > 10.0.0.1:40000 tcp syn ece cwr", TCP, 0xC2),
        ("8.8.8.8:53 > 10.0.0.1:40000 icmp unreachable", ICMP, 0),
    ],
)
def test_each_protocol_has_its_words(text: str, protocol: int, flags: int) -> None:
    """Flags follow `tcp`; without flags the packet is a TCP segment with none set."""
    packet = Packet.from_text(text)

    assert packet == Packet(ip_address("8.8.8.8"), 53, ip_address("10.0.0.1"), 40000, protocol, flags)
    assert packet.to_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "[2001:DB8:0::1]:53>[::ffff:1.2.3.4]:0 RST",
        "  [2001:db8::1]:53   >\t[::ffff:1.2.3.4]:0 tcp  rst",
        "[2001:db8::1]:053 > [::ffff:102:304]:00 tcp, rst, rst",
        "[2001:db8::1]:53 > [::ffff:1.2.3.4]:0 rst,rst",
    ],
)
def test_spaces_and_case_do_not_matter(text: str) -> None:
    """Different spacing, case and spelling of the same packet parse equal."""
    assert Packet.from_text(text).to_text() == "[2001:db8::1]:53 > [::ffff:1.2.3.4]:0 tcp rst"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is not a packet; write '192.0.2.1:53 > 192.0.2.2:40000 udp' or '[2001:db8::1]:53 > [2001:db8::2]:40"),
        ("8.8.8.8:53", "'8.8.8.8:53' is not a packet; write "),
        ("1.1.1.1:1 > 1.1.1.2:1 > 1.1.1.3:1", "is not a packet"),
        ("8.8.8.8 > 10.0.0.1:1 udp", "'8.8.8.8' is not an address with a port; write "),
        ("8.8.8.8:1 >", "'' is not an address with a port; write "),
        ("2001:db8::1:53 > [::]:1 udp", "'2001:db8::1:53' is not an address with a port"),
        ("[8.8.8.8]:53 > 10.0.0.1:1 udp", "'8.8.8.8' is not in the expected format"),
        ("[fe80::1%eth0]:53 > [::]:1 udp", "'fe80::1%eth0' is not in the expected format"),
        ("8.8.8:53 > 10.0.0.1:1 udp", "'8.8.8:53': '8.8.8' is not an address"),
        (":53 > 10.0.0.1:1 udp", "':53': '' is not an address"),
        ("8.8.8.8:65536 > 10.0.0.1:1 udp", "'8.8.8.8:65536': 65536 is not a port (0 to 65535)"),
        ("8.8.8.8:-1 > 10.0.0.1:1 udp", "'8.8.8.8:-1' is not an address with a port"),
        ("8.8.8.8:\u0665 > 10.0.0.1:1 udp", "is not an address with a port"),
        ("8.8.8.8:1 > [::]:1 udp", "one end is IPv4 and the other IPv6"),
        ("8.8.8.8:1 > 8.8.4.4:1 upd", "'upd' is neither udp, tcp, a TCP flag, nor icmp unreachable; did you mean udp?"),
        ("8.8.8.8:1 > 8.8.4.4:1 icmp", "'icmp' is neither udp, tcp, a TCP flag, nor icmp unreachable"),
        ("8.8.8.8:1 > 8.8.4.4:1 udp rst", "'udp rst': a packet is either udp, or tcp with its flags"),
        ("8.8.8.8:1 > 8.8.4.4:1 udp tcp", "'udp tcp': a packet is either udp, or tcp with its flags"),
    ],
)
def test_malformed_text_is_an_error_with_an_example(text: str, said: str) -> None:
    """Each message names the part that is wrong."""
    with pytest.raises(ValueError, match=re.escape(said)):
        Packet.from_text(text)


@given(st.text(alphabet="0128.:[]> udptcprs%f\n", max_size=40))
def test_rubbish_is_a_value_error_or_a_packet(text: str) -> None:
    """Random text raises nothing but ValueError."""
    try:
        packet = Packet.from_text(text)
    except ValueError:
        return

    assert Packet.from_text(packet.to_text()) == packet
