"""The counters of a writer before it has done anything."""

from __future__ import annotations

from dataclasses import astuple

from shodohflo.store.stats import WriterStats


def test_a_new_writer_has_counted_nothing() -> None:
    """All counters start at zero, and counters of different writers are not shared."""
    stats = WriterStats()

    numbers = [value for value in astuple(stats) if isinstance(value, int)]
    assert set(numbers) == {0}
    assert not stats.last_error + stats.unsaved
    assert not stats.given_up
    assert stats.given_up is not WriterStats().given_up
