"""A long outage by an injected clock: the memory stays bounded, each loss has a name, live flows are right at once."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import numpy as np
from chaos.outage import LIVE, Flood, flood_packets, live_key

from shodohflo.keys import counts
from support.machine import DATA

if TYPE_CHECKING:
    from collections.abc import Callable

HOURS, LIFETIME, MEMORY = 0.025, 60, 48
"""Longer than keys live, and too little memory for them: what a day brings is in this already."""


def test_an_outage_loses_what_would_have_expired_and_what_has_no_room(
    record_property: Callable[[str, object], None],
) -> None:
    """After hours of a flood without a store, the sum of all names is what was offered, and live flows are exact."""
    assert HOURS * 3600 > LIFETIME
    words = ["--hours", str(HOURS), "--lifetime", str(LIFETIME), "--memory", str(MEMORY)]
    command = [sys.executable, "-m", "chaos.outage", *words]
    root = DATA.parents[1]

    # In a process of its own, whose growth is that of the outbox.
    done = subprocess.run(command, cwd=root, env={"PYTHONPATH": "tests"}, capture_output=True, text=True, check=False)

    record_property("figures", done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_flood_counts_what_it_says() -> None:
    """What a flood says that it offers, and that each of its keys counts, is what its rows count."""
    flood = Flood()
    seen = [flood.second(second, second) for second in range(3)]

    counted = [counts(rows) for rows in seen]

    found = {key: number for each in counted for key, number in each.items()}
    assert sum(sum(each.values()) for each in counted) == sum(flood.offered.values())
    assert {key: found[key] for key in flood.live} == dict(flood.live)
    assert all(flood_packets(key) in {None, number} for key, number in found.items())
    assert sum(flood_packets(key) is not None for key in found) == 4 * 3 * 2_500
    assert int(np.sum([len(rows) for rows in seen])) == 3 * (2_500 + LIVE // 5)


def test_live_flows_are_of_no_client_that_floods() -> None:
    """No key is both of a live flow and of the flood."""
    assert {flood_packets(live_key(flow)) for flow in range(0, LIVE, 100)} == {None}
    assert flood_packets(f"client;{IPv4Address((32 << 24) + 4)}") == 2
