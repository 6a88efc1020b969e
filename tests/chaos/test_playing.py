"""A small share of `make chaos`: a real agent whose store is troubled, and not a count is missing without a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chaos.faults import SCENARIOS
from chaos.playing import play

from support.machine import require

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HERE = {
    "killed": 4,
    "snapshot": 4,
    "full": 4,
    "evicting": 4,
    "cut": 4,
    "failed-over": 5,
    "resharded": 4,
    "either-killed": 14,
}
"""The scenarios that are played here, with the seconds of packets."""

LOSING = {"killed", "snapshot", "failed-over"}
"""Those whose store must have lost something, or they show nothing."""

SEED = 2


@pytest.mark.parametrize("name", HERE)
def test_every_count_is_in_the_store_or_its_loss_has_a_name(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The store has what was sent, or the agent says what was lost; of a killed agent, an interval may be missing."""
    require("ip", root=True)

    figures = play(name, SEED, tmp_path, HERE[name])

    record_property("figures", figures.line())
    assert figures.faults() == [], figures.line()
    assert (figures.found.redirects > 0) == (name == "resharded"), "slots must have moved while they were written to"
    assert name not in LOSING or int(figures.found.agent["store.rewritten"]) > 0


def test_every_scenario_says_what_it_does() -> None:
    """Each scenario has a sentence, and no two have the same."""
    said = [scenario.says for scenario in SCENARIOS.values()]

    assert all(said)
    assert len({*said}) == len({scenario.play for scenario in SCENARIOS.values()})
