"""We decode as many packets of each family and protocol as the manifest of the captures says, or know why not."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from reference.corpus import Capture, frames_of, outside, shipped
from shodohflo.model import ICMP, PROTOCOL_NAMES, TCP, UDP
from shodohflo.wire import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS: Final = {4: "outermost_ipv4_tcp/udp/icmp", 6: "outermost_ipv6_tcp/udp/icmp6"}
PROTOCOLS: Final = (TCP, UDP, ICMP)
"""In the order of the manifest's columns; ICMP stands for ICMPv6 too."""

LATER: Final = "later fragments are refused: they have no ports"
TUNNEL: Final = "the manifest counts what is outermost; we open tunnels and count what is in them"
CUT: Final = "cut before the flags of the TCP header"
ODD: Final = "lengths, versions or fragments that contradict the rest of the packet"

DIFFERENCES: Final[dict[str, dict[str, tuple[int, int, str]]]] = {
    "ndpi-6in4tunnel.pcap": {"6 tcp": (0, 75, TUNNEL), "6 udp": (0, 4, TUNNEL), "6 icmp": (0, 48, TUNNEL)},
    "ndpi-dns_fragmented.pcap": {"4 udp": (12, 8, LATER), "6 udp": (34, 31, LATER)},
    "ndpi-fuzz-2006-09-29-28586.pcap": {"4 tcp": (119, 113, ODD)},
    "tcpdump-afs.pcap": {"4 udp": (576, 427, LATER)},
    "tcpdump-olsr-oobr-2.pcap": {"6 udp": (1, 0, ODD)},
    "tcpdump-tcp_header_heapoverflow.pcap": {"4 tcp": (1, 0, CUT)},
    "tcpflow-simson.pcap": {"4 tcp": (303, 0, CUT)},
    "zeek-dns-edns-ecs.pcap": {"4 udp": (40, 36, LATER)},
    "zeek-gre-within-gre.pcap": {"4 udp": (0, 4, TUNNEL), "4 icmp": (0, 624, TUNNEL)},
    "zeek-gtp1_gn_normal_incl_fragmentation.pcap": {"4 udp": (108, 72, LATER)},
}
"""By capture and protocol: what the manifest says, what we decode, and why."""


def _said(capture: Capture) -> Counter[str]:
    with (capture.path.parent / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        row = next(
            row
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if row["file"] == capture.path.name
        )
    counts = {family: row[column].split("/") for family, column in COLUMNS.items()}
    return Counter(
        {
            f"{family} {PROTOCOL_NAMES[protocol]}": int(count)
            for family in counts
            for protocol, count in zip(PROTOCOLS, counts[family], strict=True)
        }
    )


def _decoded(capture: Capture) -> Counter[str]:
    return Counter(f"{family} {PROTOCOL_NAMES[protocol]}" for family, protocol in _packets(capture))


def _packets(capture: Capture) -> Iterator[tuple[int, int]]:
    for frames in frames_of(capture):
        decoded = decode(frames)
        for batch in decoded.batches:
            yield from ((batch.family, protocol) for protocol in batch.protocol.tolist())
        for messages in decoded.messages:
            yield from ((messages.family, ICMP) for _ in range(len(messages)))


def _check(capture: Capture) -> None:
    said, decoded = _said(capture), _decoded(capture)

    differing = {name: (said[name], decoded[name]) for name in said | decoded if said[name] != decoded[name]}

    explained = DIFFERENCES.get(capture.path.name, {})
    assert differing == {name: (manifest, ours) for name, (manifest, ours, _) in explained.items()}


@pytest.mark.parametrize("capture", shipped(), ids=str)
def test_a_shipped_capture_decodes_as_its_manifest_says(capture: Capture) -> None:
    """Packets by family and protocol; each difference is listed with its reason."""
    _check(capture)


@pytest.mark.parametrize("capture", outside() or [pytest.param(None, id="none")], ids=str)
@pytest.mark.usefixtures("captures_dir")
def test_a_capture_outside_decodes_as_its_manifest_says(capture: Capture) -> None:
    """The same for the captures whose licences keep them out of the repository."""
    _check(capture)
