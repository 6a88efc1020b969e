"""UDP tunnels: opened on request only, and counted in addition to the datagram."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from scapy.contrib.geneve import GENEVE
from scapy.contrib.gtp import GTP_U_Header
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from shodohflo.wire.decode import MAX_DEPTH_INSIDE, MOST_TUNNELS, Decoded, decode
from shodohflo.wire.tunnels import UDP_TUNNELS
from support.feeding import TUNNELS, ways_out, ways_out_inside
from support.packets import ethernet, frames_of, ip, udp
from support.sound import LABEL, V4, V6, extension, nsh

AUTHENTICATION = b"\0\1\2\3" + bytes(2 + 3 + 8 + 1)
"""The authentication header of Teredo, with an identifier of 2 bytes and a value of 3 (RFC 4380 section 5.1.1)."""

ORIGIN = b"\0\0" + bytes(6)


def gtpu(payload: bytes, flags: int = 0x30, optional: bytes = b"", kind: int = 255) -> bytes:
    """Return a GTP-U message around `payload`."""
    return struct.pack("!BBHI", flags, kind, len(optional) + len(payload), 7) + optional + payload


OPENED = {
    "VXLAN": ("vxlan", 4, udp(9, 4789, b"\x08" + bytes(7) + ethernet(V4))),
    "VXLAN to Linux's port": ("vxlan", 6, udp(9, 8472, b"\x08" + bytes(7) + ethernet(V6, 0x86DD))),
    "VXLAN-GPE of IPv4": ("vxlan", 4, udp(9, 4790, b"\x0c\0\0\1" + bytes(4) + V4)),
    "VXLAN-GPE of IPv6, no identifier": ("vxlan", 6, udp(9, 4790, b"\4\0\0\2" + bytes(4) + V6)),
    "VXLAN-GPE of Ethernet": ("vxlan", 4, udp(9, 4790, b"\x0c\0\0\3" + bytes(4) + ethernet(V4))),
    "VXLAN-GPE of NSH": ("vxlan", 4, udp(9, 4790, b"\x0c\0\0\4" + bytes(4) + nsh(V4, 1))),
    "VXLAN-GPE of NSH of Ethernet": ("vxlan", 6, udp(9, 4790, b"\x0c\0\0\4" + bytes(4) + nsh(ethernet(V6, 0x86DD), 3))),
    "VXLAN-GPE of MPLS": ("vxlan", 4, udp(9, 4790, b"\x0c\0\0\5" + bytes(4) + LABEL + V4)),
    "VXLAN to the port of GPE": ("vxlan", 4, udp(9, 4790, b"\x08" + bytes(7) + ethernet(V4))),
    "VXLAN of an E-TAG": ("vxlan", 4, udp(9, 4789, b"\x08" + bytes(7) + ethernet(bytes(6) + b"\x08\0" + V4, 0x893F))),
    "Geneve of NSH": ("geneve", 4, udp(9, 6081, b"\0\0\x89\x4f" + bytes(4) + nsh(V4, 1))),
    "L2TP": ("l2tp", 4, udp(1701, 1701, b"\0\2\0\7\0\7\xff\3\0\x21" + V4)),
    "L2TP with a length": ("l2tp", 6, udp(9, 1701, b"\x40\2\0\0\0\7\0\7\0\x57" + V6)),
    "L2TP with everything": ("l2tp", 4, udp(1701, 9, b"\x4a\2\0\0\0\7\0\7" + bytes(4) + b"\0\2ab\x21" + V4)),
    "MPLS": ("mplsudp", 4, udp(9, 6635, LABEL + V4)),
    "MPLS of a pseudowire": ("mplsudp", 6, udp(9, 6635, LABEL + bytes(4) + ethernet(V6, 0x86DD))),
    "Geneve of Ethernet": ("geneve", 4, udp(9, 6081, b"\0\0\x65\x58" + bytes(4) + ethernet(V4))),
    "Geneve of IPv6": ("geneve", 6, udp(9, 6081, b"\0\0\x86\xdd" + bytes(4) + V6)),
    "Geneve with options": ("geneve", 4, udp(9, 6081, b"\2\0\x08\0" + bytes(4) + bytes(8) + V4)),
    "Geneve with all options": ("geneve", 4, udp(9, 6081, b"\x3f\0\x08\0" + bytes(4) + bytes(252) + V4)),
    "GTP-U": ("gtpu", 4, udp(9, 2152, gtpu(V4))),
    "GTP-U, an answer": ("gtpu", 6, udp(2152, 9, gtpu(V6))),
    "GTP-U with a sequence number": ("gtpu", 4, udp(9, 2152, gtpu(V4, 0x32, bytes(4)))),
    "GTP-U with an extension": ("gtpu", 4, udp(9, 2152, gtpu(V4, 0x34, b"\0\0\0\x85\1\0\0\0"))),
    "GTP-U with two": ("gtpu", 6, udp(9, 2152, gtpu(V6, 0x34, b"\0\0\0\x85\1\0\0\xc0\2" + bytes(7)))),
    "Teredo": ("teredo", 6, udp(9, 3544, V6)),
    "Teredo, an answer": ("teredo", 6, udp(3544, 9, ORIGIN + V6)),
    "Teredo, authenticated": ("teredo", 6, udp(9, 3544, AUTHENTICATION + V6)),
    "Teredo, both": ("teredo", 6, udp(3544, 9, AUTHENTICATION + ORIGIN + V6)),
}

REFUSED_INSIDE = {
    "VXLAN without its flag": (udp(9, 4789, bytes(8) + ethernet(V4)), "not_ip"),
    "VXLAN that is short": (udp(9, 4789, b"\x08" + bytes(6)), "tunnel_cut"),
    "VXLAN of ARP": (udp(9, 4789, b"\x08" + bytes(7) + ethernet(bytes(28), 0x0806)), "not_ip"),
    "VXLAN-GPE of another protocol": (udp(9, 4790, b"\x0c\0\0\7" + bytes(4) + V4), "not_ip"),
    "VXLAN-GPE that is short": (udp(9, 4790, b"\x0c\0\0\1"), "tunnel_cut"),
    "L2TP control": (udp(9, 1701, b"\xc8\2\0\x0c" + bytes(8)), "not_ip"),
    "L2TP control of version 3": (udp(9, 1701, b"\xc8\3\0\x0c" + bytes(8)), "not_ip"),
    "L2F": (udp(9, 1701, b"\0\1" + bytes(40)), "not_ip"),
    "L2TP that is short": (udp(9, 1701, b"\x4a\2\0\0\0\7\0\7" + bytes(4)), "tunnel_cut"),
    "L2TP, an offset beyond it": (udp(9, 1701, b"\2\2\0\7\0\7\xff\xff" + V4), "link_cut"),
    "L2TP link control": (udp(9, 1701, b"\0\2\0\7\0\7\xff\3\xc0\x21\1\1\0\4"), "not_ip"),
    "MPLS without bottom": (udp(9, 6635, bytes(4 * 40)), "too_deep"),
    "Geneve of another version": (udp(9, 6081, b"\x40\0\x08\0" + bytes(4) + V4), "not_ip"),
    "Geneve, options beyond it": (udp(9, 6081, b"\x3f\0\x08\0" + bytes(4) + V4), "ip_cut"),
    "GTP version 2": (udp(9, 2152, gtpu(V4, 0x48)), "not_ip"),
    "GTP': no GTP": (udp(9, 2152, gtpu(V4, 0x20)), "not_ip"),
    "GTP-U echo": (udp(9, 2152, gtpu(b"", 0x32, bytes(4), 1)), "not_ip"),
    "GTP-U without its optional fields": (udp(9, 2152, gtpu(b"", 0x32, bytes(3))), "tunnel_cut"),
    "GTP-U, an extension of no length": (udp(9, 2152, gtpu(V4, 0x34, b"\0\0\0\x85" + bytes(4))), "tunnel_cut"),
    "GTP-U, an extension beyond it": (udp(9, 2152, gtpu(V4, 0x34, b"\0\0\0\x85\xff\0\0\0")), "tunnel_cut"),
    "GTP-U, extensions without end": (udp(9, 2152, gtpu(b"", 0x34, b"\0\0\0\x85" + b"\1\0\0\x85" * 40)), "too_deep"),
    "GTP-U of neither version": (udp(9, 2152, gtpu(bytes(40))), "ip_version"),
    "Teredo of nothing": (udp(9, 3544), "tunnel_cut"),
    "Teredo, authentication beyond it": (udp(9, 3544, b"\0\1\xff\xff" + bytes(20)), "tunnel_cut"),
    "Teredo of IPv4": (udp(9, 3544, V4 + bytes(20)), "ip_version"),
    "Teredo of a bubble": (udp(9, 3544, ip(b"", 59, "::1", "::2")), "protocol"),
}


def looked_into(datagram: bytes, tunnels: frozenset[str] = TUNNELS) -> Decoded:
    """Decode one datagram, opening `tunnels`."""
    return decode(frames_of(ip(datagram, 17)), tunnels)


@pytest.mark.parametrize(("name", "family", "datagram"), OPENED.values(), ids=OPENED)
def test_both_the_datagram_and_what_is_inside_are_found(name: str, family: int, datagram: bytes) -> None:
    """The datagram is decoded in the outer results, and its payload in the inner ones."""
    decoded = looked_into(datagram)

    ((outer,), (inner,)) = decoded.batches, decoded.inside.batches
    assert (outer.family, outer.octets.tolist()) == (4, [20 + len(datagram)])
    assert (inner.family, inner.src_port.tolist(), inner.dst_port.tolist()) == (family, [40000], [53])
    assert decoded.opened == {name: 1}
    assert not decoded.refused
    assert not decoded.inside.refused


@pytest.mark.parametrize(("name", "family", "datagram"), OPENED.values(), ids=OPENED)
def test_nothing_is_looked_into_unasked(name: str, family: int, datagram: bytes) -> None:
    """A tunnel that was not asked for is not opened, because other services may use its port."""
    del family

    for tunnels in (frozenset[str](), TUNNELS - {name}):
        decoded = looked_into(datagram, tunnels)

        assert sum(map(len, decoded.batches)) == 1
        assert not ways_out(decoded.inside)
        assert not decoded.opened


@pytest.mark.parametrize(("name", "family", "datagram"), OPENED.values(), ids=OPENED)
def test_cut_short_it_is_found_and_what_is_inside_refused_as_cut(name: str, family: int, datagram: bytes) -> None:
    """A truncated datagram is decoded; its payload is refused as cut until the inner ports are captured."""
    del name, family
    packet = ip(datagram, 17)

    for captured in range(24, len(packet)):
        decoded = decode(frames_of(packet[:captured], original=len(packet)), TUNNELS)

        assert sum(map(len, decoded.batches)) == 1
        if captured >= len(packet) - 4:
            assert sum(map(len, decoded.inside.batches)) == 1
        else:
            assert all(str(reason).endswith("_cut") for reason in decoded.inside.refused)
            assert decoded.inside.refused.total() == 1


@pytest.mark.parametrize(("name", "family", "datagram"), OPENED.values(), ids=OPENED)
def test_whatever_stands_in_its_fields_there_is_one_way_out_on_each_side(
    name: str, family: int, datagram: bytes
) -> None:
    """Whatever its bytes are, a datagram has one result, and so has the payload of each tunnel."""
    del name, family
    packet = ip(datagram, 17)
    changed = [
        packet[:place] + bytes([value]) + packet[place + 1 :]
        for place in range(20, len(packet))
        for value in (0, 1, 0x7F, 0x80, 0xFF)
    ]

    decoded = decode(frames_of(*changed), TUNNELS)

    assert ways_out(decoded) == len(changed)
    inside, tunnels = ways_out_inside(decoded)
    assert inside == tunnels


@pytest.mark.parametrize(("datagram", "reason"), REFUSED_INSIDE.values(), ids=REFUSED_INSIDE)
def test_what_cannot_be_read_inside_is_refused_beside(datagram: bytes, reason: str) -> None:
    """If the payload of a tunnel is refused, the datagram is decoded nevertheless."""
    decoded = looked_into(datagram)

    assert sum(map(len, decoded.batches)) == 1
    assert not decoded.refused
    assert decoded.inside.refused == {reason: 1}


def test_a_port_in_common_opens_one_tunnel_only() -> None:
    """If both ports belong to tunnels, the destination port decides."""
    decoded = looked_into(udp(2152, 6081, b"\0\0\x08\0" + bytes(4) + V4))

    assert decoded.opened == {"geneve": 1}
    assert ways_out(decoded.inside) == 1


def test_vxlan_and_geneve_have_no_answers() -> None:
    """VXLAN and Geneve are recognised by the destination port only, because their source port is a hash."""
    assert not looked_into(udp(4789, 9, b"\x08" + bytes(7) + ethernet(V4))).opened
    assert not looked_into(udp(6081, 9, b"\0\0\x08\0" + bytes(4) + V4)).opened


def test_tunnels_within_each_other_are_bounded() -> None:
    """At most `MOST_TUNNELS` nested tunnels are opened; the payload of the next one is refused as `too_deep`."""
    packet = V4
    for nested in range(1, 8):
        packet = ip(udp(9, 2152, gtpu(packet)), 17)

        decoded = decode(frames_of(packet), TUNNELS)

        looked = min(nested, MOST_TUNNELS)
        assert ways_out(decoded) == 1
        assert decoded.opened["gtpu"] == ways_out(decoded.inside) == looked + (nested > MOST_TUNNELS)
        assert decoded.inside.refused == ({"too_deep": 1} if nested > MOST_TUNNELS else {})


def test_headers_inside_are_bounded() -> None:
    """At most `MAX_DEPTH_INSIDE` headers are followed inside a tunnel."""
    for length in range(MAX_DEPTH_INSIDE + 4):
        chain = b"".join(extension(after) for after in [60] * (length - 1) + [17] * bool(length))
        inner = ip(chain + udp(), 60 if length else 17, "::1", "::2")

        decoded = looked_into(udp(9, 2152, gtpu(inner)))

        # GTP-U, raw IP and IPv6 count as three headers.
        assert bool(decoded.inside.batches) == (length + 3 <= MAX_DEPTH_INSIDE)


def test_the_table_names_ports_once() -> None:
    """No port belongs to two tunnels."""
    ports = [port for tunnel in UDP_TUNNELS.values() for port in tunnel.ports]

    assert len(ports) == len(set(ports))


BUILT = {
    "vxlan": (4789, VXLAN(vni=7) / Ether()),
    "geneve": (6081, GENEVE(vni=7) / Ether()),
    "gtpu": (2152, GTP_U_Header(teid=7)),
}


@pytest.mark.parametrize(("name", "port", "header"), [(name, *made) for name, made in BUILT.items()], ids=BUILT)
def test_packets_of_an_independent_builder_are_read(name: str, port: int, header: object) -> None:
    """Tunnel packets that scapy builds are decoded."""
    inner = IP(src="10.9.8.7", dst="10.0.0.2") / UDP(sport=40000, dport=53)
    packet = bytes(IP() / UDP(sport=9, dport=port) / header / inner)

    decoded = decode(frames_of(packet), TUNNELS)

    (batch,) = decoded.inside.batches
    assert decoded.opened == {name: 1}
    assert batch.src_addr.tolist() == [int(ip_address("10.9.8.7"))]


@pytest.mark.parametrize(
    ("datagram", "opened"),
    [
        (udp(9, 4754, b"\0\0\x08\0" + V4), {"greudp": 1, "gre": 1}),
        (udp(1701, 1701, b"\0\3\0\0\0\0\0\7" + bytes(4) + ethernet(V4)), {"l2tp": 1, "l2tpv3": 1}),
    ],
    ids=["GRE", "L2TP version 3"],
)
def test_a_tunnel_of_ip_over_udp_is_opened_as_both(datagram: bytes, opened: dict[str, int]) -> None:
    """A tunnel that may also be directly over IP counts by its name over UDP and, inside, by its other name."""
    decoded = looked_into(datagram)

    assert decoded.opened == opened
    assert [len(batch) for batch in decoded.inside.batches] == [1]
