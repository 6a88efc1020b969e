"""All findings about a configuration; `_FAMILIES` lists the functions that find them."""

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
    from shodohflo.config import Configuration
    from shodohflo.config.findings import Finding

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


def check(configuration: Configuration) -> Report:
    """Return the findings about a configuration, the most serious first."""
    model = Model(configuration)
    found = [_completed(finding, model) for family in _FAMILIES for finding in family(model)]
    return Report.sort_out([*configuration.settings.doubts, *found], configuration.settings.accepted)


def _completed(finding: Finding, model: Model) -> Finding:
    """Add the place in the file, and the outcome of the example packet."""
    outcome = model.outcome(finding.witness) if finding.witness else ""
    return replace(finding, where=model.configuration.settings.places.get(finding.place, ""), outcome=outcome)
