"""`python -m chaos`, or `make chaos`: play scenarios, and print a line of figures for each."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.faults import SCENARIOS
from chaos.playing import play

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Play the scenarios that the command line names; return 1 if a loss has no name."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first run (%(default)s)")
    parser.add_argument("--runs", type=int, default=1, help="runs of each scenario, each with the next seed")
    parser.add_argument("--seconds", type=float, default=0.0, help="of packets in each run (by scenario)")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="play only this; may be repeated")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers and namespaces are removed
    wrong = 0
    for seed in range(chosen.seed, chosen.seed + chosen.runs):
        for name in chosen.scenario or SCENARIOS:
            line, faults = _played(name, seed, chosen.seconds)
            wrong += bool(faults)
            print("\n  WRONG: ".join([line, *faults]), flush=True)
    print(f"chaos: {wrong} runs with something wrong", flush=True)
    return int(wrong > 0)


def _played(name: str, seed: int, seconds: float) -> tuple[str, list[str]]:
    """Return the figures of a run and what is wrong; an agent or a store that does not start is, too."""
    with tempfile.TemporaryDirectory(prefix="chaos") as directory:
        try:
            figures = play(name, seed, Path(directory), seconds)
        except Exception as error:  # noqa: BLE001 - whatever ends a run is wrong with it, and the next one is played
            return f"chaos {name}, seed {seed}: not played to its end", [f"{type(error).__name__}: {error}"]
        return figures.line(), figures.faults()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
