"""The findings of `check` as text, as JSON, and as single lines for a log."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

from shodohflo.config.findings import Code, Finding, Level, Report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def in_one_line(finding: Finding) -> str:
    """Return a finding as one line for a log."""
    where = f"{finding.where}: " if finding.where else ""
    shown = f" ({finding.witness.to_text()}: {finding.outcome})" if finding.witness else ""
    return f"{where}{finding.label}: {finding.sentence}{shown}"


def unusable(message: str, config: Path | None) -> Finding:
    """Return the error `message` as a finding; a position in `config` at its beginning becomes `where`."""
    known = re.match(rf"{re.escape(str(config))}(?::\d+)*(?=: )", message)
    where, sentence = (known[0], message[known.end() + 2 :]) if known else ("", message)
    return Finding(Code.UNUSABLE, "configuration", sentence, where=where)


def text_lines(report: Report) -> Iterator[str]:
    """Yield the lines of a report; the last one has the number of findings by level."""
    for finding in report.findings:
        where = f"{finding.where}: " if finding.where else ""
        yield f"{where}{finding.level}: {finding.label}"
        yield f"    {finding.sentence}"
        if finding.witness:
            yield f"    {finding.witness.to_text()}: {finding.outcome}"
    levels = Counter(finding.level for finding in report.findings)
    counts = [f"{levels[level]} {level}{'s' if levels[level] > 1 else ''}" for level in Level if levels[level]]
    accepted = [f"{len(report.accepted)} accepted, with reasons"] if report.accepted else []
    yield ", ".join([*(counts or ["nothing found"]), *accepted])


def json_lines(report: Report) -> Iterator[str]:
    """Yield each finding as a JSON object; `accepted` is the reason of an accepted finding, otherwise null."""
    for finding, reason in [*((finding, None) for finding in report.findings), *report.accepted]:
        yield json.dumps(finding.as_dict() | {"accepted": reason})
