"""Keys are printed one per line, sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.report.keys import key_lines, print_keys
from support.observing import flow, observed

if TYPE_CHECKING:
    import pytest


def test_keys_are_sorted_and_followed_by_their_counts() -> None:
    """Keys are sorted as text, whatever the order in which they were counted."""
    assert list(key_lines({"b;peer": 2, "a;peer": 10, "a;flow": 1})) == ["a;flow\t1\n", "a;peer\t10\n", "b;peer\t2\n"]


def test_keys_of_observations_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """A flow is printed as its own key, two peer keys, and the key of its client."""
    print_keys(observed(flow("10.0.0.1", "8.8.8.8", 53, 7)))

    assert capsys.readouterr().out.splitlines() == [
        "10.0.0.1;8.8.8.8;53;flow\t7",
        "10.0.0.1;8.8.8.8;peer\t7",
        "8.8.8.8;10.0.0.1;peer\t7",
        "client;10.0.0.1\t7",
    ]


def test_without_observations_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """No observations give no output, not even a header."""
    print_keys(observed())

    assert capsys.readouterr().out == ""
