"""Playing one scenario from its seed to its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.faults import SCENARIOS
from chaos.figures import figures
from chaos.world import Setting, world

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.figures import Figures


def play(name: str, seed: int, directory: Path, seconds: float = 0.0) -> Figures:
    """Play a scenario with its files in `directory`, which must be empty, for its own time or for so many seconds."""
    scenario = SCENARIOS[name]
    seconds = seconds or scenario.seconds
    configuration = f"TTL_GRACE = {scenario.lifetime}\n{scenario.rules}"
    setting = Setting(seed, seconds, scenario.load, scenario.server, scenario.replicas, configuration)
    with world(setting, directory) as made:
        made.start_agent()
        scenario.play(made)
        made.sending.wait_for(made.sending.rounds)
        made.end_agent()
        return figures(name, seed, made, expires=scenario.lifetime < seconds)
