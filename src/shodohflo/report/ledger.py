"""The ledger as text and as JSON: the number of packets received, and of each outcome."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

from shodohflo.attribution.ledger import REFUSED, meaning_of
from shodohflo.errors import ShodohfloError
from shodohflo.model import rule_place
from shodohflo.process.opening import open_output, write_output
from shodohflo.report.numbers import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from shodohflo.attribution.ledger import Ledger
    from shodohflo.rules.compiler import CompiledRules


MOST_KINDS: Final = 8
"""The most lines about the kinds of packets refused for one reason; the file of `--ledger` has all of them."""


def ledger_lines(ledger: Ledger, rules: CompiledRules) -> Iterator[str]:
    """Yield the ledger as text: the total, the outcomes by frequency, the tunnels, and the actions that failed."""
    yield f"{counted(ledger.received, 'packet')} received, {ledger.kernel_dropped:,} dropped by the kernel"
    if ledger.filters:
        yield f"  without the packets that the filter leaves out, which nobody counts: {', then '.join(ledger.filters)}"
    yield from _outcome_lines(ledger.outcomes, ledger.refused_kinds())
    for tunnel, count in ledger.opened.most_common():
        yield f"  {counted(count, 'packet')} opened as {tunnel}"
    if ledger.inside:
        yield "  inside UDP tunnels, counted in addition to these packets:"
        yield from (f"  {line}" for line in _outcome_lines(ledger.inside, {}))
    for rule, failures in sorted(rules.failures.items()):
        last = rules.last_failure.get(rule, "")
        yield f"  {rule_place(rule)} gave no answer {counted(failures, 'time')}, the last: {last}"


def _outcome_lines(counted: Counter[str], kinds: Mapping[str, Counter[str]]) -> Iterator[str]:
    kinds_of = {REFUSED.format(reason): counts for reason, counts in kinds.items()}
    outcomes = [(name, count) for name, count in counted.most_common() if count]
    numbers = max((len(f"{count:,}") for _, count in outcomes), default=0)
    names = max((len(name) for name, _ in outcomes), default=0)
    for name, count in outcomes:
        yield f"  {count:>{numbers},}  {name:<{names}}  {meaning_of(name)}"
        yield from _kind_lines(kinds_of.get(name, Counter()), numbers)


def _kind_lines(kinds: Counter[str], numbers: int) -> Iterator[str]:
    """Yield what the packets of a refusal were, the most frequent first, below numbers of the given width."""
    indent = " " * (numbers + 4)
    shown = kinds.most_common(MOST_KINDS)
    yield from (f"{indent}{count:,}  {kind}" for kind, count in shown)
    if others := kinds.total() - sum(count for _, count in shown):
        yield f"{indent}{others:,}  of {len(kinds) - len(shown):,} other kinds"


def print_ledger(ledger: Ledger, rules: CompiledRules, *, err: bool) -> None:
    """Print the ledger on standard output, or with `err` on standard error; a terminal gets shortened lines."""
    stream = sys.stderr if err else sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else None
    for line in ledger_lines(ledger, rules):
        stream.write((line if width is None or len(line) <= width else f"{line[: width - 3]}...") + "\n")


def write_ledger(ledger: Ledger, path: Path) -> None:
    """Write the ledger to the file `path` as JSON; raise `ShodohfloError` if that fails."""
    try:
        write_output(path, _as_json(ledger))
    except OSError as error:
        raise _unwritten(path, error) from error


class LedgerFile:
    """The file for a ledger, opened early: an agent may not open it any more when the ledger is complete."""

    def __init__(self, path: Path) -> None:
        """Open `path`, or make it; raises `ShodohfloError`. What it holds stays in it until `write`."""
        self._path = path
        try:
            self._file = open_output(path)
        except OSError as error:
            raise ShodohfloError(f"{path}: {error.strerror}: there would be no place for the ledger") from error

    def write(self, ledger: Ledger) -> None:
        """Replace the content by the ledger as JSON, and close the file; raise `ShodohfloError` if that fails."""
        try:
            with self._file as file:
                if file.seekable():  # no pipe or terminal
                    file.truncate(0)
                file.write(_as_json(ledger))
        except OSError as error:
            raise _unwritten(self._path, error) from error


def _as_json(ledger: Ledger) -> str:
    return json.dumps(ledger.as_dict(), indent=2) + "\n"


def _unwritten(path: Path, error: OSError) -> ShodohfloError:
    return ShodohfloError(f"{path}: {error.strerror}: the ledger is not in this file, or not all of it")
