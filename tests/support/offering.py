"""Observations made up by a seed, what a store should hold of them, and what it holds."""

from __future__ import annotations

import random
from collections import Counter
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from shodohflo.keys import counts
from shodohflo.model import Kind
from support.observing import Seen, observed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from valkey import Valkey

    from shodohflo.columns.observations import Observations

KINDS: Final = ("*;flow", "*;peer", "*;rst", "*;icmp", "client;*")
LIFETIME: Final = 900


def offering(seed: int, rows: int = 500) -> Observations:
    """Return random observations of few addresses, so that keys recur."""
    chance = random.Random(seed)
    return observed(
        *(
            Seen(
                IPv4Address(0x0A000000 + chance.randrange(20)),
                IPv4Address(0x08080800 + chance.randrange(20)),
                chance.randrange(1, 20),
                kind=chance.choice(list(Kind)),
                packets=chance.randrange(1, 1000),
            )
            for _ in range(rows)
        )
    )


def expected(offered: Iterable[Observations]) -> dict[str, int]:
    """Return the count of each key of all that was offered."""
    sums: Counter[str] = Counter()
    for observations in offered:
        sums.update(counts(observations))
    return dict(sums)


def held(client: Valkey) -> dict[str, int]:
    """Return the count of every key of the five kinds; what the store evicts meanwhile is left out."""
    found = ((key, client.get(key)) for pattern in KINDS for key in client.scan_iter(pattern, count=1000))
    return {key: int(str(count)) for key, count in found if count is not None}
