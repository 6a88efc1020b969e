"""Everything that can be found in a configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from shodohflo.analysis.check.coverage import find_uncovered, find_unused
from shodohflo.analysis.check.drops import find_one_way, find_spoofable
from shodohflo.analysis.check.liveness import find_dead
from shodohflo.analysis.check.missing_families import find_missing, find_unbound
from shodohflo.analysis.check.model import Model
from shodohflo.analysis.check.prefixes import find_covered
from shodohflo.config.findings import Report

if TYPE_CHECKING:
    from shodohflo.config.findings import Finding
    from shodohflo.config.subject import Subject

_FAMILIES: Final = (
    find_covered,
    find_dead,
    find_spoofable,
    find_one_way,
    find_uncovered,
    find_unused,
    find_missing,
    find_unbound,
)


def check(subject: Subject) -> Report:
    """Examine a configuration; the more serious findings come first."""
    model = Model(subject)
    found = [_completed(finding, model) for family in _FAMILIES for finding in family(model)]
    return Report.sort_out([*subject.doubts, *found], subject.accepted)


def _completed(finding: Finding, model: Model) -> Finding:
    """Say where it stands in the file, and what becomes of the witness."""
    outcome = model.outcome(finding.witness) if finding.witness else ""
    return replace(finding, where=model.subject.places.get(finding.place, ""), outcome=outcome)
