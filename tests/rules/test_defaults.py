"""Without a configuration, all flows to or from our networks are recorded by the lower port."""

from __future__ import annotations

import pytest

from shodohflo.rules.defaults import default_enumeration, default_mapping
from support.rule_sets import our_nets, packet

WORKED = [
    ("192.168.1.5:40000 > 198.51.100.9:443", "192.168.1.5;198.51.100.9;443"),
    ("198.51.100.9:443 > 192.168.1.5:40000", "192.168.1.5;198.51.100.9;443"),
    ("192.168.1.5:40000 > 192.168.1.6:22", "192.168.1.5;192.168.1.6;22"),
    ("192.168.1.5:123 > 198.51.100.9:123", "192.168.1.5;198.51.100.9;123"),
    ("198.51.100.9:123 > 192.168.1.5:123", "192.168.1.5;198.51.100.9;123"),
    ("[2001:db8::5]:40000 > [2001:470::1]:53", "2001:db8::5;2001:470::1;53"),
    ("198.51.100.9:40000 > 198.51.100.8:22", None),
]


@pytest.mark.parametrize(("received", "recorded"), WORKED)
def test_the_defaults_record_what_our_networks_take_part_in(received: str, recorded: str | None) -> None:
    """Both families are recorded; with equal ports our end is the client."""
    with our_nets("192.168.0.0/16", "2001:db8::/32"):
        answer = default_mapping().match(*packet(received))

    assert answer == (None if recorded is None else tuple(_ends(recorded)))


def _ends(flow: str) -> list[object]:
    client, service, port = flow.split(";")
    return [*packet(f"[{client}]:0 > [{service}]:0")[::2], int(port)]


def test_each_agent_has_its_own_defaults() -> None:
    """Two calls share no state: each mapping has its own counters of failures."""
    assert default_mapping() is not default_mapping()
    assert list(default_enumeration().network_id) == [None, "our_nets", "all"]
