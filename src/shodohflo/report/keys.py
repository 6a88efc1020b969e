"""The keys under which observations are counted, as lines for scripts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from shodohflo.keys import counts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shodohflo.columns.observations import Observations


def key_lines(counted: Mapping[str, int]) -> Iterator[str]:
    """Return a line for each key, sorted by key: key and count, separated by a tab."""
    keys = sorted(counted)
    return map("%s\t%d\n".__mod__, zip(keys, map(counted.__getitem__, keys), strict=True))


def print_keys(observations: Observations) -> None:
    """Print the keys and their packets on standard output."""
    sys.stdout.write("".join(key_lines(counts(observations))))
