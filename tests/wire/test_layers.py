"""Layers: each number stands for one header, and a layer without a decoder is refused with a fitting reason."""

from __future__ import annotations

import pytest

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire import layers
from shodohflo.wire.layers import (
    IPV4_PAYLOAD,
    IPV6_PAYLOAD,
    LLC_SERVICE,
    MPLS_PSEUDOWIRE,
    NSH_PAYLOAD,
    PPP_PAYLOAD,
    TRANSPORT,
    unread,
)
from shodohflo.wire.names import describe
from shodohflo.wire.registry import TABLE


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (249, "link_type[USBPCAP]"),
        (ETHERTYPE + 0x0806, "not_ip"),
        (ETHERTYPE, "not_ip"),
        (IPV4_PAYLOAD + 132, "protocol"),
        (IPV6_PAYLOAD + 255, "protocol"),
        (PPP_PAYLOAD + 0xC021, "not_ip"),
        (NSH_PAYLOAD + 6, "not_ip"),
        (LLC_SERVICE + 0x42, "not_ip"),
        (MPLS_PSEUDOWIRE, "not_ip"),
    ],
)
def test_what_nobody_reads_is_refused_by_what_named_it(layer: int, reason: str) -> None:
    """Unknown link types are refused by name, EtherTypes and PPP protocols as `not_ip`, IP protocols as `protocol`."""
    assert unread(layer) == reason


def test_no_two_layers_share_a_number() -> None:
    """Each layer has a number of its own."""
    bases = {"LINK", "IPV4_PAYLOAD", "IPV6_PAYLOAD", "PPP_PAYLOAD", "NSH_PAYLOAD"}
    numbers = {name: value for name, value in vars(layers).items() if name.isupper() and isinstance(value, int)}
    numbers = {name: value for name, value in numbers.items() if name not in bases | {"ETHERTYPE", "_OURS", "_UNREAD"}}
    protocols = {"ICMP", "ICMPV6", "TCP", "UDP"}
    distinct = [value for name, value in numbers.items() if name not in protocols | {"BEYOND"}]

    assert len(distinct) == len(set(distinct))


def test_every_layer_that_has_a_name_is_read() -> None:
    """Every layer of our own numbering has a decoder, or a name to refuse it by."""
    ours = {value for name, value in vars(layers).items() if name.isupper() and isinstance(value, int)}
    named = {value for value in ours if layers._OURS <= value < NSH_PAYLOAD}

    assert named <= set(TABLE.layers())
    assert all(describe(value) for value in ours if value >= layers._UNREAD)


def test_the_way_ends_with_transport_headers() -> None:
    """Every transport header has a decoder."""
    assert set(TABLE.layers()) >= TRANSPORT
