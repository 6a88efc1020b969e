"""Lists in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.model import rule_place

if TYPE_CHECKING:
    from collections.abc import Iterable


def listed(parts: Iterable[str], joint: str = "and") -> str:
    """Join as people do: `a, b and c`."""
    *most, last = parts
    return f"{', '.join(most)} {joint} {last}" if most else last


def rules_named(rules: Iterable[int]) -> str:
    """Name rules by their numbers, more than two in a row as from the first to the last."""
    runs: list[list[int]] = []
    for number in sorted(rules):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    short = [run if len(run) < 3 else [run[0], run[-1]] for run in runs]
    joints = [" and " if len(run) < 3 else " to " for run in runs]
    named = [joint.join(rule_place(n) for n in run) for run, joint in zip(short, joints, strict=True)]
    return listed(named)
