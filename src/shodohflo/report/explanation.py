"""An explanation as text: both ends with their networks, the questions and rules, the outcome and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.model import entry_place
from shodohflo.report.table import Column, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shodohflo.analysis.explain import Asked, Explanation


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """Yield the lines of an explanation."""
    yield explanation.packet.to_text()
    yield ""
    yield from plain(*_ends(explanation))[1:]
    yield ""
    yield "before the rules"
    yield from _steps(explanation.before)
    yield ""
    yield "rules" if explanation.rules else "the rules are not asked"
    yield from _steps(explanation.rules)
    if explanation.after:
        yield ""
        yield "after the rules"
        yield from _steps(explanation.after)
    yield ""
    if explanation.evidence:
        yield f"Where there is evidence, {explanation.evidence} decides by it; where there is none:"
    yield f"outcome  {explanation.outcome}: {explanation.meaning}"
    for place, key in enumerate(explanation.keys or ["none"]):
        yield f"{'' if place else 'keys':<9}{key}"


def _ends(explanation: Explanation) -> tuple[Sequence[Column], Sequence[tuple[str, ...]]]:
    rows = []
    for name, end in (("from", explanation.source), ("to", explanation.destination)):
        place = end.place
        where = f"{entry_place(place.entry)}, {place.prefix}" if place else ""
        rows.append((name, str(end.as_dict()["address"]), end.network or "in no network", where))
    return (Column("END"), Column("ADDRESS"), Column("NETWORK"), Column("WHERE")), rows


def _steps(steps: Sequence[Asked]) -> Iterator[str]:
    width = max((len(step.name) for step in steps), default=0)
    for step in steps:
        head = f"  {step.name:<{width}}  {'yes' if step.applies else 'no':<3}"
        yield f"{head}  {step.sentence or step.because}"
        if step.sentence:
            yield f"{'':<{len(head)}}  {step.because}"
