"""How often the ladder of evidence is right, over any captures: `make bench-attribution CAPTURES="DIR..."`.

    python -m benchmarks.attribution DIR... [--seeds 20] [--judge reference|columns] [--json]

What is true is in `attribution_truth.py`; what a judge is shown in `attribution_score.py`. Each capture is judged by
itself, with nothing remembered, in batches of one second. Flows of both protocols are shown at once, since a role that
TCP shows helps with UDP.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks import attribution_captures, attribution_truth
from benchmarks.attribution_score import (
    ORDER,
    Judge,
    Judged,
    Score,
    by_rung,
    everything,
    from_the_middle,
    judge_all,
    openings_hidden,
    received_at,
    reference,
)
from reference.ladder import Verdict, lower_port
from shodohflo.model import PROTOCOL_NAMES, TCP, UDP, Rung
from support.judging import Columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.attribution_captures import Recording, Seen
    from benchmarks.attribution_truth import Truth
    from reference.ladder import Flow, Packet

    Show = Callable[[Recording, Truth], Iterable[Seen]]

TARGETS: Final = {
    ("everything seen", TCP): (100.0, None),
    ("openings hidden for half", TCP): (99.6, 99.1),
    ("all openings hidden", TCP): (99.3, 98.2),
    ("everything seen", UDP): (98.8, 96.5),
}
"""The least per cent by flow and by capture."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the judge is shown; several runs differ in their seeds only."""

    name: str
    shows: Sequence[Show]


def settings(seeds: int) -> list[Setting]:
    """Return all settings."""
    halves = [openings_hidden(0.5, seed) for seed in range(seeds)]
    ends = [
        Setting(f"received at the {end} only, {words}", [received_at(end, share, seed) for seed in range(runs)])
        for end in ("client", "service")
        for words, share, runs in (
            ("openings seen", 0.0, 1),
            ("half hidden", 0.5, min(seeds, 5)),
            ("all hidden", 1.0, 1),
        )
    ]
    return [
        Setting("everything seen", [everything]),
        Setting("openings hidden for half", halves),
        Setting("all openings hidden", [openings_hidden(1.0, 0)]),
        Setting("joined at the middle packet", [from_the_middle]),
        *ends,
    ]


class _LowerPortOtherwise:
    """The columns, with what they leave to `otherwise` decided by the lower port."""

    def __init__(self) -> None:
        self._columns = Columns()

    def take_in(self, packets: Sequence[Packet]) -> dict[Flow, Verdict]:
        """Take in a batch; return what is written of each flow with payload in it."""
        return {flow: _decided(flow, verdict) for flow, verdict in self._columns.take_in(packets).items()}


def _decided(flow: Flow, verdict: Verdict) -> Verdict:
    return Verdict(lower_port(flow), verdict.rung) if verdict.rung is Rung.GUESSED else verdict


JUDGES: Final[dict[str, Callable[[], Judge]]] = {"reference": reference, "columns": _LowerPortOtherwise}


@dataclass(frozen=True, slots=True)
class Result:
    """One protocol in one setting: a score for each seed, and one for each rung over all seeds."""

    setting: str
    protocol: int
    scores: Sequence[Score]
    lower_port: Score
    rungs: dict[Rung, Score]
    wrong: Counter[str]
    """Wrong flows, all seeds together, by capture."""

    @property
    def as_json(self) -> dict[str, object]:
        """Return the result as `--json` prints it."""
        return {
            "setting": self.setting,
            "protocol": PROTOCOL_NAMES[self.protocol],
            "seeds": [asdict(score) for score in self.scores],
            "lower_port": asdict(self.lower_port),
            "rungs": {rung.word: asdict(score) for rung, score in self.rungs.items()},
            "wrong": dict(self.wrong),
        }


Known = list[tuple["Recording", "Truth"]]


def _read(paths: Sequence[Path], bar: Progress) -> Known:
    task = bar.add_task("reading", total=len(paths))
    known = []
    for path in paths:
        recording = attribution_captures.read(path)
        known.append((recording, attribution_truth.find(recording)))
        bar.advance(task)
    return known


def _measure(known: Known, setting: Setting, judge: Callable[[], Judge], bar: Progress) -> list[Result]:
    task = bar.add_task(setting.name, total=len(setting.shows) + 1)
    runs: list[list[Judged]] = []
    for show in setting.shows:
        runs.append(judge_all(known, show, judge))
        bar.advance(task)
    lower = judge_all(known, setting.shows[0], lambda: reference([]))
    bar.advance(task)
    return [
        Result(
            setting.name,
            protocol,
            [Score.of(_of(judged, protocol)) for judged in runs],
            Score.of(_of(lower, protocol)),
            by_rung(each for judged in runs for each in _of(judged, protocol)),
            Counter(each.capture for judged in runs for each in _of(judged, protocol) if each.points == 0),
        )
        for protocol in (TCP, UDP)
        if _of(runs[0], protocol)
    ]


def _of(judged: Iterable[Judged], protocol: int) -> list[Judged]:
    return [each for each in judged if each.flow.protocol == protocol]


def _in_order(known: Known, seeds: int, bar: Progress) -> list[tuple[str, list[Score]]]:
    """Return, rung by rung added, the scores of TCP half hidden, TCP all hidden and UDP."""
    task = bar.add_task("rung by rung", total=len(ORDER))
    rungs: list[Rung] = []
    rows = []
    for name, added in ORDER:
        rungs += added
        judge = _with(rungs)
        halves = [judge_all(known, openings_hidden(0.5, seed), judge) for seed in range(seeds)]
        hidden, shown = (judge_all(known, show, judge) for show in (openings_hidden(1.0, 0), everything))
        half = _mean([Score.of(_of(judged, TCP)) for judged in halves])
        rows.append((name, [half, Score.of(_of(hidden, TCP)), Score.of(_of(shown, UDP))]))
        bar.advance(task)
    return rows


def _with(rungs: Sequence[Rung]) -> Callable[[], Judge]:
    chosen = tuple(rungs)
    return lambda: reference(chosen)


def _mean(scores: Sequence[Score]) -> Score:
    """Return the mean of several scores, field by field."""
    every = [asdict(score) for score in scores]
    return Score(**{name: mean(score[name] for score in every) for name in every[0]})


# What is printed


def _print(console: Console, known: Known, results: Sequence[Result], order: Sequence[tuple[str, list[Score]]]) -> None:
    console.print(_truth_table(known))
    console.print(_settings_table(results))
    console.print(_rung_table(results))
    console.print(_order_table(order))
    console.print(_port_table(known))
    for result in results:
        if result.wrong:
            worst = ", ".join(f"{name} {count}" for name, count in result.wrong.most_common(5))
            console.print(f"wrong, {result.setting}, {PROTOCOL_NAMES[result.protocol]}: {worst}")


def _table(title: str, *headings: str) -> Table:
    table = Table(box=box.SIMPLE, title=title, title_justify="left")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place == 0 else "right", no_wrap=place < 2)
    return table


def _truth_table(known: Known) -> Table:
    packets, broken = sum(len(recording.seen) for recording, _ in known), sum(bool(each.broken) for each, _ in known)
    table = _table(
        f"{packets:,} packets of {len(known)} captures ({broken} damaged): "
        "flows with payload, by how their truth is known or why they are set apart",
        *("", "flows"),
    )
    how = Counter(
        f"{PROTOCOL_NAMES[flow.protocol]}, {true.by}" for _, truth in known for flow, true in truth.known.items()
    )
    apart = sum((truth.apart for _, truth in known), Counter[str]())
    for word, count in [*sorted(how.items()), *((f"apart: {why}", count) for why, count in apart.most_common())]:
        table.add_row(word, str(count))
    return table


def _settings_table(results: Sequence[Result]) -> Table:
    table = _table(
        "per cent right, by flow / mean over captures / over conversations; a tie counts one half; means over seeds",
        *("setting", "", "flows / captures / conv.", "right / wrong / undecided", "lower port", "judge"),
        *("range by flow", "first is final", "target"),
    )
    for result in results:
        score, lower = _mean(result.scores), result.lower_port
        table.add_row(
            result.setting,
            PROTOCOL_NAMES[result.protocol],
            _numbers(score.flows, score.captures, score.conversations),
            _numbers(score.right, score.wrong, score.undecided),
            f"{lower.by_flow:.2f} / {lower.by_capture:.2f} / {lower.by_conversation:.2f}",
            f"{score.by_flow:.2f} / {score.by_capture:.2f} / {score.by_conversation:.2f}",
            _range(result, "by_flow"),
            f"{score.final:.2f}",
            _target(result, score),
        )
    return table


def _numbers(*values: float) -> str:
    return " / ".join(f"{round(value, 1):g}" for value in values)


def _range(result: Result, name: str) -> str:
    values = [float(getattr(score, name)) for score in result.scores]
    return "" if len(values) == 1 else f"{min(values):.2f} to {max(values):.2f}"


def _target(result: Result, score: Score) -> str:
    target = TARGETS.get((result.setting, result.protocol))
    if target is None:
        return ""
    measured = zip(target, (score.by_flow, score.by_capture), strict=True)
    met = all(least is None or value >= least for least, value in measured)
    words = " / ".join(f"{least:g}" for least in target if least is not None)
    return f"{words} {'met' if met else 'NOT met'}"


def _rung_table(results: Sequence[Result]) -> Table:
    table = _table("which rung decided, and its error", "setting", "", "rung", "flows", "wrong", "undecided", "error %")
    for result in results:
        for rung, score in result.rungs.items():
            counts = (score.flows, score.wrong, score.undecided)
            row = [result.setting, PROTOCOL_NAMES[result.protocol], rung.word, *map(str, counts)]
            table.add_row(*row, f"{100 - score.by_flow:.2f}")
    return table


def _order_table(order: Sequence[tuple[str, list[Score]]]) -> Table:
    headings = ("+ rung, in order", "TCP half hidden", "TCP all hidden", "UDP everything seen")
    table = _table("per cent right by flow / by capture, with one rung after the other", *headings)
    for name, scores in order:
        table.add_row(name, *(f"{score.by_flow:.2f} / {score.by_capture:.2f}" for score in scores))
    return table


def _port_table(known: Known) -> Table:
    """Say where the rule about ports, alone, contradicts the truth."""
    table = _table("LowerPort(SRC) alone against the truth", "", "flows", "contradicted", "per cent", "worst ports")
    for protocol in (TCP, UDP):
        judged = _of(judge_all(known, everything, lambda: reference([])), protocol)
        wrong = Counter(each.flow.ends[each.service].port for each in judged if each.points == 0)
        every = Counter(each.flow.ends[each.service].port for each in judged)
        worst = ", ".join(f"{port}: {count} of {every[port]}" for port, count in wrong.most_common(5))
        share = f"{100 * wrong.total() / max(len(judged), 1):.1f}"
        table.add_row(PROTOCOL_NAMES[protocol], str(len(judged)), str(wrong.total()), share, worst)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure over the captures that the command line names, and print the results."""
    parser = argparse.ArgumentParser(prog="benchmarks.attribution", description=__doc__)
    parser.add_argument("captures", nargs="+", type=Path, help="files and folders")
    parser.add_argument("--seeds", type=int, default=20, help="random halves (%(default)s)")
    parser.add_argument("--judge", choices=JUDGES, default="reference", help="who decides (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    chosen = parser.parse_args(arguments)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        known = _read(attribution_captures.captures(chosen.captures), bar)
        judge = JUDGES[chosen.judge]
        results = [found for setting in settings(chosen.seeds) for found in _measure(known, setting, judge, bar)]
        order = _in_order(known, chosen.seeds, bar)
    if chosen.json:
        json.dump(_as_json(known, results, order), sys.stdout, indent=2)
        print()
    else:
        _print(Console(width=None if sys.stdout.isatty() else 240), known, results, order)


def _as_json(known: Known, results: Sequence[Result], order: Sequence[tuple[str, list[Score]]]) -> dict[str, object]:
    names = ("tcp_half_hidden", "tcp_all_hidden", "udp_everything_seen")
    return {
        "captures": {recording.name: recording.broken for recording, _ in known},
        "apart": sum((truth.apart for _, truth in known), Counter[str]()),
        "results": [result.as_json for result in results],
        "in_order": [
            {"rung": name} | {key: asdict(score) for key, score in zip(names, scores, strict=True)}
            for name, scores in order
        ],
    }


if __name__ == "__main__":
    main()
