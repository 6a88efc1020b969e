"""Read capture files into a consumer of frames: a pipeline, a comparison or a survey."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from shodohflo.attribution.ledger import REFUSED
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.capture.files.savefile import STDIN, open_savefile
from shodohflo.capture.filters.libpcap import FilterError
from shodohflo.columns.corrections import correct
from shodohflo.errors import CaptureError
from shodohflo.offline.directions import NOTE, has_both_directions
from shodohflo.offline.progress import Progress
from shodohflo.report.numbers import counted
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shodohflo.attribution.ledger import Ledger
    from shodohflo.capture.files.savefile import Savefile
    from shodohflo.capture.filters.expression import CaptureFilter
    from shodohflo.columns.frames import Frames
    from shodohflo.columns.observations import Observations
    from shodohflo.config import Configuration
    from shodohflo.model import RuleGrade
    from shodohflo.rules.compiler import CompiledRules


class Ingesting(Protocol):
    """A consumer of frames: a `Pipeline`, a comparison of two, or a survey."""

    def ingest(self, frames: Frames, /) -> None:
        """Process `frames`; their memory is not used after the call."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """A pipeline behind the operator's filter, which counts what that leaves out."""

    pipeline: Pipeline
    passing: CaptureFilter

    def ingest(self, frames: Frames) -> None:
        """Process those of `frames` that pass; raises `FilterError` for a link type that the filter can't be about."""
        mask = self.passing.passed(frames)
        self.pipeline.exclude(len(frames) - int(mask.sum()))
        self.pipeline.ingest(frames if mask.all() else frames.keep(mask))


@dataclass(slots=True)
class Replay:
    """Reads captures into a consumer and collects the errors of captures that could not be read to their end."""

    into: Ingesting
    broken: list[str] = field(default_factory=list)
    """One line for each such capture."""
    unmarked: list[str] = field(default_factory=list)
    """The names of captures with both directions of a host's traffic, which do not mark what that host sent."""

    def read(self, captures: Sequence[str]) -> None:
        """Read every capture, `-` for standard input; a broken one is used as far as it goes."""
        with Progress(_total(captures)) as progress:
            done = 0
            for name in captures:
                done = self._read_one(name, done, progress)

    def _read_one(self, name: str, done: int, progress: Progress) -> int:
        """Read one capture after `done` bytes of others; return the sum."""
        savefile: Savefile | None = None
        used = 0
        try:
            with open_savefile(name) as savefile:
                for frames in _until_interrupted(savefile) if name == STDIN else savefile:
                    if savefile.packets == len(frames) and has_both_directions(frames):
                        self.unmarked.append(savefile.name)
                    self.into.ingest(frames)
                    used = savefile.packets
                    progress.advance_to(done + savefile.position)
        except CaptureError as error:
            told = f" ({counted(used, 'packet')} before that {'was' if used == 1 else 'were'} used)" if used else ""
            place = f"{savefile.name}: " if savefile and isinstance(error, FilterError) else ""
            self.broken.append(f"{place}{error}{told}")
        return done + (savefile.position if savefile else 0)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the packets of captures under one configuration."""

    observations: Observations
    ledger: Ledger
    rules: CompiledRules
    """The rules that decided, with their failures."""
    broken: tuple[str, ...]
    """One line for each capture that could not be read to its end."""
    notes: tuple[str, ...] = ()
    """What the counts do not show."""
    grades: tuple[RuleGrade, ...] = ()
    """How often evidence contradicted each rule about ports, in the order of the rules."""
    contradicted: Mapping[int, int] = field(default_factory=dict)
    """Flows that each rule decided against evidence, by the number of the rule."""


def replay_captures(captures: Sequence[str], configuration: Configuration, *, grade: bool = False) -> Replayed:
    """Read every capture, `-` for standard input, and decide its packets by `configuration`.

    Evidence is kept if a rule observes it, or to `grade` the rules.
    """
    pipeline = make_pipeline(configuration, with_evidence=grade)
    passing = configuration.settings.capture_filter
    reading = Replay(Filtered(pipeline, passing) if passing else pipeline)
    reading.read(captures)
    notes = tuple(NOTE.format(name) for name in reading.unmarked[:1])
    observations = correct(pipeline.take(), pipeline.take_corrections())
    grades = pipeline.grades.grades()
    contradicted = pipeline.grades.contradicted
    return Replayed(observations, pipeline.settle(), pipeline.rules, tuple(reading.broken), notes, grades, contradicted)


def make_pipeline(configuration: Configuration, *, with_evidence: bool = False) -> Pipeline:
    """Return a pipeline that decides by `configuration`, with evidence if a rule observes it, or if it is wanted."""
    rules = configuration.rules()
    evidence = configuration.evidence() if with_evidence or rules.mapping.observes else None
    return Pipeline(rules, configuration.policy(), evidence)


def is_unreadable(ledger: Ledger) -> bool:
    """Return whether there were packets, and all of them of link types without a decoder."""
    refused = REFUSED.format(Refusal.LINK_TYPE)
    return ledger.received > 0 and all(outcome.startswith(refused) for outcome in ledger.outcomes)


def _until_interrupted(savefile: Savefile) -> Iterator[Frames]:
    """Yield frames; after Ctrl-C, raise `CaptureError` if there were packets, so that these are used.

    Ctrl-C also ends the program that writes into the pipe.
    """
    try:
        yield from savefile
    except KeyboardInterrupt:
        if savefile.packets == 0:
            raise
        raise CaptureError("standard input: interrupted") from None


def _total(captures: Sequence[str]) -> int:
    """Return the number of bytes to read, or 0 if it is unknown."""
    try:
        return 0 if STDIN in captures else sum(os.stat(name).st_size for name in captures)  # noqa: PTH116 - names as given, also those that Path would change
    except OSError:
        return 0
