"""Pausing the collector of garbage cycles."""

from __future__ import annotations

import gc

import pytest

from shodohflo.process.collector import paused_collector


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_afterwards_as_it_was(*, enabled: bool) -> None:
    """It is off meanwhile, and on again only if it was on, after an error too."""
    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(ZeroDivisionError), paused_collector():
            1 / gc.isenabled()
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


def test_a_whole_function_can_be_paused_each_time_it_is_called() -> None:
    """As a decorator it works for every call."""
    paused = paused_collector()(gc.isenabled)

    assert [paused(), paused()] == [False, False]
    assert gc.isenabled()
