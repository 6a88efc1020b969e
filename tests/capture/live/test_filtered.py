"""A filter holds where it can be compiled, and what it hides is warned of."""

from __future__ import annotations

import pytest

from shodohflo.capture.filters.expression import CaptureFilter
from shodohflo.capture.live.filtered import fitting, hidden_vlans
from shodohflo.capture.live.interfaces import Choice, Interface

ETH = Interface("eth0", 2)
WIREGUARD = Interface("wg0", 3, hardware=65534)
INFINIBAND = Interface("ib0", 4, hardware=32)
VLAN = Interface("eth0.7", 5, kind="vlan", lower=2)
ALL = Choice((ETH, WIREGUARD, INFINIBAND), ())


def test_without_a_filter_every_interface_fits() -> None:
    """Whatever its type."""
    assert fitting(ALL, None) == ([ETH, WIREGUARD, INFINIBAND], [])


def test_a_filter_fits_where_it_can_be_compiled() -> None:
    """An expression about ports fits Ethernet and tunnels; of other types it is not known what is delivered."""
    fit, (warning,) = fitting(ALL, CaptureFilter.of("port 80"))

    assert fit == [ETH, WIREGUARD]
    assert warning.startswith(
        "ib0 is not listened to: the filter cannot hold there: what is delivered of its type, 32,"
    )


def test_an_expression_about_ethernet_does_not_fit_a_tunnel() -> None:
    """The warning has the message of libpcap."""
    fit, warnings = fitting(ALL, CaptureFilter.of("not ether host 02:00:00:00:00:01"))

    assert fit == [ETH]
    assert warnings[0].startswith("wg0 is not listened to: the filter cannot hold there: ")


@pytest.mark.parametrize(
    ("expression", "warned"), [("port 80", True), ("port 80 or (vlan and port 80)", False), (None, False)]
)
def test_a_filter_that_does_not_look_behind_tags_is_warned_of(expression: str | None, *, warned: bool) -> None:
    """Where the host has a VLAN device, tagged packets are to be expected, and an expression leaves them all out."""
    passing = CaptureFilter.of(expression) if expression else None

    assert bool(list(hidden_vlans([ETH], [ETH, VLAN], passing))) == warned
    assert not list(hidden_vlans([WIREGUARD, VLAN], [ETH, WIREGUARD, VLAN], passing))
    assert not list(hidden_vlans([ETH], [ETH, Interface("mac0", 6, kind="macvlan", lower=2)], passing))
