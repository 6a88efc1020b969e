"""Layers: every number stands for one thing, and what nobody reads is refused by a reason that fits."""

from __future__ import annotations

import pytest

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire import layers
from shodohflo.wire.layers import IPV4_PAYLOAD, IPV6_PAYLOAD, PPP_PAYLOAD, TRANSPORT, unread
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
    ],
)
def test_what_nobody_reads_is_refused_by_what_named_it(layer: int, reason: str) -> None:
    """A link type by its name, an EtherType or a PPP protocol as no IP, an IP protocol as one we don't record."""
    assert unread(layer) == reason


def test_no_two_layers_share_a_number() -> None:
    """Constants for the same number would be two words for one thing."""
    bases = {"LINK", "IPV4_PAYLOAD", "IPV6_PAYLOAD", "PPP_PAYLOAD"}
    numbers = {name: value for name, value in vars(layers).items() if name.isupper() and isinstance(value, int)}
    numbers = {name: value for name, value in numbers.items() if name not in bases | {"ETHERTYPE", "_OURS"}}
    protocols = {"ICMP", "ICMPV6", "TCP", "UDP"}
    distinct = [value for name, value in numbers.items() if name not in protocols | {"BEYOND"}]

    assert len(distinct) == len(set(distinct))


def test_every_layer_that_has_a_name_is_read() -> None:
    """A header that is sent onward to must have its decoder."""
    ours = {value for name, value in vars(layers).items() if name.isupper() and isinstance(value, int)}
    named = {value for value in ours if value >= layers._OURS}

    assert named <= set(TABLE.layers()) | {layers._OURS}


def test_the_way_ends_with_transport_headers() -> None:
    """They are read, all of them."""
    assert set(TABLE.layers()) >= TRANSPORT
