"""From rows to a batch: the addresses of the innermost IP header and the ports of the transport header."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from shodohflo.wire.decode import decode
from support.packets import frames_of, ip, udp
from support.sound import A, B, extension, gre


@pytest.mark.parametrize(
    ("src", "dst"), [("1.2.3.4", "255.255.255.255"), ("0.0.0.0", "10.0.0.0"), (A, B), ("::", "ff00::"), ("1::", "::1")]
)
def test_addresses_are_those_of_the_packet(src: str, dst: str) -> None:
    """Addresses are numbers for IPv4 and 16 bytes for IPv6, including zeros at either end."""
    (batch,) = decode(frames_of(ip(udp(), 17, src, dst))).batches

    for column, address in ((batch.src_addr, src), (batch.dst_addr, dst)):
        if batch.family == 4:
            assert column.tolist() == [int(ip_address(address))]
        else:
            assert column.tobytes() == ip_address(address).packed


def test_addresses_and_bytes_are_of_the_innermost_packet() -> None:
    """Addresses and byte counts are those of the innermost packet, whatever headers surround it."""
    inner = ip(extension(17) + udp(), 60, A, B)

    (batch,) = decode(frames_of(gre(inner, 0x86DD))).batches

    assert batch.src_addr.tobytes() == ip_address(A).packed
    assert batch.octets.tolist() == [len(inner)]


def test_families_are_never_mixed() -> None:
    """Each batch has packets of one family only."""
    packets = [ip(udp(), 17), ip(udp(), 17, A, B)] * 3

    batches = decode(frames_of(*packets)).batches

    assert sorted((batch.family, len(batch)) for batch in batches) == [(4, 3), (6, 3)]
    assert all(batch.first.tolist() == sorted(batch.first.tolist()) for batch in batches)
