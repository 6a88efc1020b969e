"""Lists of names and of rule numbers as parts of sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.model import rule_place

if TYPE_CHECKING:
    from collections.abc import Iterable


def listed(parts: Iterable[str], joint: str = "and") -> str:
    """Join `parts`, at least one, as `a, b and c`."""
    *most, last = parts
    return f"{', '.join(most)} {joint} {last}" if most else last


def rules_named(rules: Iterable[int]) -> str:
    """Name rules, at least one; three or more consecutive ones as a range, `FLOW_MAPPING[2] to FLOW_MAPPING[5]`."""
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
