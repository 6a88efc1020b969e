"""The cost of a change of rules, counted from the keys before and after it."""

from __future__ import annotations

from shodohflo.analysis.suggest.cost import Cost

BEFORE = {
    "10.0.0.1;8.8.8.8;53;flow": 60,
    "10.0.0.2;8.8.8.8;53;flow": 10,
    "10.0.0.2;1.1.1.1;53;flow": 80,
    "10.0.0.2;1.1.1.1;443;flow": 40,
    "10.0.0.2;9.9.9.9;1:2;rst": 10,
    "10.0.0.1;8.8.8.8;peer": 60,
    "client;10.0.0.1": 60,
    "client;10.0.0.2": 140,
}
AFTER = {
    "10.0.0.2;1.1.1.1;443;flow": 30,
    "10.0.0.2;9.9.9.9;1:2;rst": 10,
    "client;10.0.0.2": 40,
    "10.0.0.2;1.1.1.1;peer": 1,
}


def test_keys_services_and_packets_are_compared() -> None:
    """Peer and client keys count as keys, but not as packets, because they repeat those of flows."""
    cost = Cost.between(BEFORE, AFTER)

    assert (cost.keys_before, cost.keys_after) == (8, 4)
    assert (cost.services_before, cost.services_after) == (3, 1)
    assert (cost.packets_before, cost.packets_after) == (200, 40)
    assert (cost.keys_removed, cost.packets_removed) == (0.5, 0.8)


def test_what_disappears_is_named_the_loudest_first() -> None:
    """Only services without any key left are hidden, not those with fewer packets."""
    cost = Cost.between(BEFORE, AFTER)

    assert cost.hidden == ("1.1.1.1 port 53", "8.8.8.8 port 53")
    assert cost.clients_hidden == 1


def test_nothing_costs_nothing() -> None:
    """No keys and equal keys give a cost of 0."""
    assert Cost.between({}, {}).keys_removed == 0
    assert Cost.between(BEFORE, BEFORE).packets_removed == 0
