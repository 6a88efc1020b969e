"""The notation for packets: both ways, and what is said of text that is none."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observing import ADDRESSES
from shodohflo.analysis.packet import FLAGS, Probe
from shodohflo.model import ICMP, TCP, UDP

if TYPE_CHECKING:
    from shodohflo.model import Address

PORTS = st.integers(0, 65535)


@st.composite
def probes(draw: st.DrawFn) -> Probe:
    """Make packets of both families and every protocol that can be written."""
    src = cast("Address", draw(ADDRESSES))
    dst = cast("Address", draw(ADDRESSES.filter(lambda address: address.version == src.version)))
    protocol = draw(st.sampled_from([UDP, TCP, ICMP]))
    flags = sum(draw(st.sets(st.sampled_from(sorted(FLAGS.values())), min_size=1))) if protocol == TCP else 0
    return Probe(src, draw(PORTS), dst, draw(PORTS), protocol, flags)


@given(probes())
def test_what_is_written_can_be_read(probe: Probe) -> None:
    """No packet is spelled in a way that means another."""
    assert Probe.parse(str(probe)) == probe


@pytest.mark.parametrize(
    ("text", "protocol", "flags"),
    [
        ("8.8.8.8:53 > 10.0.0.1:40000 udp", UDP, 0),
        ("8.8.8.8:53 > 10.0.0.1:40000 tcp", TCP, 0x10),
        ("8.8.8.8:53 > 10.0.0.1:40000 tcp rst", TCP, 0x04),
        ("8.8.8.8:53 > 10.0.0.1:40000 tcp syn ack", TCP, 0x12),
        ("8.8.8.8:53 > 10.0.0.1:40000 tcp fin psh ack urg", TCP, 0x39),
        ("8.8.8.8:53 > 10.0.0.1:40000 icmp unreachable", ICMP, 0),
    ],
)
def test_each_protocol_has_its_words(text: str, protocol: int, flags: int) -> None:
    """Flags are words after `tcp`; none means a segment with payload."""
    probe = Probe.parse(text)

    assert probe == Probe(ip_address("8.8.8.8"), 53, ip_address("10.0.0.1"), 40000, protocol, flags)
    assert str(probe) == text


@pytest.mark.parametrize(
    "text",
    [
        "[2001:DB8:0::1]:53>[::ffff:1.2.3.4]:0 TCP  ack",
        "  [2001:db8::1]:53   >\t[::ffff:1.2.3.4]:0 tcp  ",
        "[2001:db8::1]:053 > [::ffff:102:304]:00 tcp ack ack",
    ],
)
def test_spaces_and_case_and_spelling_are_all_one(text: str) -> None:
    """Whoever types does not count blanks."""
    assert str(Probe.parse(text)) == "[2001:db8::1]:53 > [::ffff:1.2.3.4]:0 tcp"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is not a packet; write one like '8.8.8.8:53 > 10.0.0.1:40000 udp'"),
        ("8.8.8.8:53", "'8.8.8.8:53' is not a packet; write one like '8.8.8.8:53 > 10.0.0.1:40000 udp'"),
        ("8.8.8.8 > 10.0.0.1:1 udp", "'8.8.8.8' is not an address with a port; write one like '192.0.2.1:53'"),
        ("2001:db8::1 > [::]:1 udp", "'2001:db8::1' is not an address with a port; write one like '[2001:db8::1]:53'"),
        ("2001:db8::1:53 > [::]:1 udp", "write one like '[2001:db8::1]:53'"),
        ("[8.8.8.8]:53 > 10.0.0.1:1 udp", "brackets are for IPv6 addresses, and for all of them"),
        ("[fe80::1%eth0]:53 > [::]:1 udp", "packets know no zones; leave out what follows the percent sign"),
        ("8.8.8:53 > 10.0.0.1:1 udp", "'8.8.8:53': '8.8.8' is not an address"),
        (":53 > 10.0.0.1:1 udp", "':53': '' is not an address"),
        ("8.8.8.8:65536 > 10.0.0.1:1 udp", "'8.8.8.8:65536': 65536 is not a port (0 to 65535)"),
        ("8.8.8.8:-1 > 10.0.0.1:1 udp", "'8.8.8.8:-1' is not an address with a port"),
        ("8.8.8.8:٥ > 10.0.0.1:1 udp", "is not an address with a port"),  # noqa: RUF001 - a digit, but not ours
        ("8.8.8.8:1 > [::]:1 udp", "8.8.8.8 and :: are of two families; no packet goes from one to the other"),
        ("8.8.8.8:1 > 8.8.4.4:1", "the protocol is missing; write udp, tcp, icmp unreachable, or tcp with some of"),
        ("8.8.8.8:1 > 8.8.4.4:1 sctp", "'sctp' is no protocol that we know; write udp, tcp, icmp unreachable"),
        ("8.8.8.8:1 > 8.8.4.4:1 udp rst", "'udp rst' is no protocol that we know"),
        ("8.8.8.8:1 > 8.8.4.4:1 tcp reset", "or tcp with some of syn, fin, rst, psh, ack, urg"),
        ("8.8.8.8:1 > 8.8.4.4:1 icmp", "'icmp' is no protocol that we know"),
    ],
)
def test_what_is_no_packet_is_told_what_would_be(text: str, said: str) -> None:
    """Each message names the part that is wrong."""
    with pytest.raises(ValueError, match=re.escape(said)):
        Probe.parse(text)


@given(st.text(alphabet="0128.:[]> udptcprs%f\n", max_size=40))
def test_rubbish_is_a_value_error_or_a_packet(text: str) -> None:
    """Nothing else comes out of it."""
    try:
        probe = Probe.parse(text)
    except ValueError:
        return

    assert Probe.parse(str(probe)) == probe
