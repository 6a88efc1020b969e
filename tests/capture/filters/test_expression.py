"""An expression means the same for a capture file as for tcpdump, whatever the link type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from shodohflo.capture.files.savefile import open_savefile
from shodohflo.capture.filters.expression import RADIOTAP, RAW_IP, UNKNOWN_LINK, CaptureFilter, delivered
from shodohflo.capture.filters.instructions import MOST_INSTRUCTIONS
from shodohflo.capture.filters.libpcap import FilterError
from shodohflo.columns.frames import FAILED_CHECK, SENT, Frames
from support.filtering import EXPRESSIONS, OF_ETHERNET, passed_by_tcpdump
from support.packets import ETHERNET, ethernet, frames_of, ip, tcp, udp

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name",
    [
        *("dpkt-nb6-http.pcap", "zeek-ftp-ipv6.pcap", "zeek-mixed-vlan-mpls.pcap", "zeek-pppoe-over-qinq.pcap"),
        *("pcapplusplus-raw_ip.pcap", "zeek-linux_dlt_sll2.pcap", "brimcap-loopback.pcap", "arkime-80211http.pcap"),
        *("pcapplusplus-nanosecs_big_endian.pcap", "suricata-verify-hdlc-http_1tx.pcap", "tcpdump-QinQpacket.pcap"),
    ],
)
def test_a_capture_is_filtered_as_by_tcpdump(shipped_captures: Path, name: str) -> None:
    """As many packets pass as with `tcpdump -r`; what tcpdump refuses for the link type is refused."""
    for expression in (*EXPRESSIONS[::3], *OF_ETHERNET[:6]):
        by_tcpdump = passed_by_tcpdump(shipped_captures / name, expression)
        try:
            passing = CaptureFilter.of(expression)
            with open_savefile(str(shipped_captures / name)) as savefile:
                passed: int | None = sum(int(passing.passed(frames).sum()) for frames in savefile)
        except FilterError:
            passed = None

        assert (expression, passed) == (expression, by_tcpdump)


@pytest.mark.parametrize("order", ["<", ">"])
def test_loopback_frames_of_either_order_are_understood(order: str) -> None:
    """BSD's loopback begins with a number in the order of the host that captured; 30 is macOS's for IPv6."""
    families = [(2, ip(tcp(), 6)), (30, ip(tcp(), 6, "fe80::1", "fe80::2")), (2, ip(udp(), 17))]
    frames = frames_of(
        *(number.to_bytes(4, "little" if order == "<" else "big") + packet for number, packet in families), layer=0
    )

    assert CaptureFilter.of("ip6").passed(frames).tolist() == [False, True, False]
    assert CaptureFilter.of("tcp").passed(frames).tolist() == [True, True, False]


def test_frames_of_several_link_types_are_each_matched_as_what_they_are() -> None:
    """A pcapng file may have interfaces of different link types."""
    packet = ip(tcp(40000, 80), 6)
    parts = [frames_of(ethernet(packet)), frames_of(packet), frames_of(ip(udp(), 17))]
    layers = [ETHERNET, RAW_IP, RAW_IP]
    joined = b"".join(part.buffer.tobytes() for part in parts)
    lengths = np.array([len(part.buffer) for part in parts], np.int64)
    frames = Frames(
        buffer=np.frombuffer(joined, np.uint8),
        start=np.cumsum(lengths) - lengths,
        captured=lengths,
        original=lengths,
        layer=np.array(layers, np.uint32),
        time=np.zeros(3, np.int64),
    )

    assert CaptureFilter.of("port 80").passed(frames).tolist() == [True, True, False]


def test_marked_frames_pass() -> None:
    """What a file marks as sent, or as damaged, is counted as that, whatever the filter."""
    frames = frames_of(bytes(4), bytes(4))
    frames.layer[:] = [SENT, FAILED_CHECK]

    assert CaptureFilter.of("port 80").passed(frames).all()


def test_an_expression_that_holds_for_one_link_type_is_enough() -> None:
    """Why it does not hold for the others is kept."""
    passing = CaptureFilter.of(" vlan ")

    assert passing.expression == "vlan"
    assert passing.sections.keys() == {ETHERNET, RADIOTAP}
    assert "VLAN" in passing.refusals[RAW_IP]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("tcp prot 80", "syntax error"),
        ("  ", "leave it out"),
        (" or ".join(f"host 10.{number // 250}.{number % 250}.1" for number in range(180)), "instructions"),
    ],
)
def test_what_holds_nowhere_is_refused(expression: str, message: str) -> None:
    """The error is that for Ethernet; a filter leaves room for the list of interfaces."""
    with pytest.raises(FilterError, match=message):
        CaptureFilter.of(expression)


def test_a_link_type_that_the_filter_cannot_be_about_is_an_error_that_names_it() -> None:
    """Frames of it are neither passed nor left out without an answer."""
    with pytest.raises(FilterError, match="link type 101: "):
        CaptureFilter.of("ether host 02:00:00:00:00:01").passed(frames_of(ip(tcp(), 6)))


def test_interfaces_deliver_what_their_type_says() -> None:
    """Ethernet and loopback have a header, tunnels have none, and of other types it is not known."""
    assert [delivered(kind) for kind in (1, 772, 65534, 776, 803, 32)] == [
        *(ETHERNET, ETHERNET, RAW_IP, RAW_IP, RADIOTAP, UNKNOWN_LINK)
    ]


def test_filters_are_equal_by_their_expressions() -> None:
    """A reload with the same expression changes nothing."""
    assert CaptureFilter.of("port 80") == CaptureFilter.of("port 80") != CaptureFilter.of("port 81")
    assert sum(map(len, CaptureFilter.of("port 80").sections.values())) < MOST_INSTRUCTIONS
