"""The difference between two configurations as text, grouped by the rules that cause it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from shodohflo.model import RUNGS, Rung
from shodohflo.report.numbers import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shodohflo.analysis.compare import Change, Difference, Side


SHOWN: Final = 20
"""The most keys shown for one kind of change; JSON has all of them."""


_INSIDE: Final = "in tunnels that only one of the two configurations opens (TUNNELS):"


def difference_lines(difference: Difference, *, complete: bool = True) -> Iterator[str]:
    """Yield the lines of a difference: the counts, then the changes by outcomes and rules, most packets first.

    `complete` is whether all captures could be read to their end.
    """
    keys = counted(len(difference.old), "key")
    yield f"{counted(difference.packets, 'packet')}; {keys} before, {len(difference.new):,} after"
    if difference.is_none:
        yield _none(difference, complete=complete)
        return
    yield (
        f"{counted(len(difference.added), 'key')} added, {len(difference.gone):,} gone, "
        f"{len(difference.recounted):,} with another count"
    )
    changes = sorted(difference.changes, key=_reason)
    groups = [list(group) for _, group in groupby(changes, key=_reason)]
    for group in sorted(groups, key=lambda group: -sum(change.packets for change in group)):
        yield ""
        yield from _group(group)
    yield from _inside(difference)


def _none(difference: Difference, *, complete: bool) -> str:
    if not difference.packets:
        return "no packet to compare"
    return "no difference" if complete else "no difference in what could be read"


def _reason(change: Change) -> tuple[str, ...]:
    return change.what, *(part for side in (change.old, change.new) for part in _told(side))


def _group(changes: Sequence[Change]) -> Iterator[str]:
    """Yield the lines of the changes that have the same outcomes and rules before and after."""
    yield f"{changes[0].what}: {counted(sum(change.packets for change in changes), 'packet')}"
    yield f"  before  {_side(changes[0].old)}"
    yield f"  after   {_side(changes[0].new)}"
    yield from _counted([(change.packets, _keys(change)) for change in changes])


def _side(side: Side) -> str:
    *_, evidence = _told(side)
    by = f" by {side.rule}{f' ({evidence})' if evidence else ''}, {side.sentence}" if side.rule else ""
    return f"{side.outcome.partition('.FLOW_MAPPING')[0]}{by}"


def _told(side: Side) -> tuple[str, str, str]:
    """Return outcome, rule and evidence of a side; a guess, and the word of a rule, are no evidence."""
    evidence = "" if RUNGS.get(side.evidence, Rung.RULE) >= Rung.GUESSED else side.evidence
    return side.outcome, side.rule, evidence


def _keys(change: Change) -> str:
    return " -> ".join(key for key in (change.old.key, change.new.key) if key)


def _inside(difference: Difference) -> Iterator[str]:
    """Yield the lines of the differences that no rule causes."""
    if difference.inside:
        yield ""
        yield _INSIDE
        rows = [(after, f"{key}  (before: {before:,})") for key, (before, after) in difference.inside.items()]
        yield from _counted(sorted(rows, reverse=True))


def _counted(rows: Sequence[tuple[int, str]]) -> Iterator[str]:
    width = max(len(f"{count:,}") for count, _ in rows)
    for count, text in rows[:SHOWN]:
        yield f"    {count:>{width},}  {text}"
    if len(rows) > SHOWN:
        yield f"    ... and {len(rows) - SHOWN:,} more (--json has all)"
