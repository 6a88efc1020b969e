"""`python -m benchmarks`, or `make bench`: measure, and print ratios against yardsticks measured in the same run."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import evidence, hostile, live, offline, wire, worst
from benchmarks.comparison import Comparison, Skipped
from benchmarks.generate import Load, generate

if TYPE_CHECKING:
    from collections.abc import Iterator

    Result = Comparison | Skipped


_ALL = ("whole", "inside", "wire", "worst", "hostile", "live", "evidence")


def _results(chosen: argparse.Namespace) -> Iterator[Result]:
    """Run the chosen benchmarks one at a time, so that each has the machine to itself."""
    if "whole" in chosen.only:
        yield offline.whole_process(generate(Load(chosen.packets, chosen.flows)), chosen.repetitions)
    if "inside" in chosen.only:
        yield offline.frames_to_observations(generate(Load(chosen.packets, chosen.flows)), chosen.repetitions)
    if "wire" in chosen.only:
        yield wire.plain_packets(chosen.repetitions)
    if "worst" in chosen.only:
        yield worst.worst_block(chosen.repetitions)
    if "hostile" in chosen.only:
        yield hostile.costliest_byte(chosen.repetitions)
    if "live" in chosen.only:
        yield live.wire_to_store(chosen.repetitions)
    if "evidence" in chosen.only:
        yield evidence.from_a_file(generate(Load(chosen.packets, chosen.flows)), chosen.repetitions)
        yield evidence.live(chosen.repetitions)
        yield evidence.flood()


def _table(results: list[Result]) -> Table:
    table = Table(box=box.SIMPLE, title=f"medians; {platform.machine()}, Python {platform.python_version()}")
    for heading, justify in (("what", "left"), ("yardstick", "right"), ("ours", "right"), ("ratio", "right")):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]  # the words rich takes
    table.add_column("target", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for result in results:
        table.add_row(*_row(result))
    return table


def _row(result: Result) -> list[str]:
    if isinstance(result, Skipped):
        return [result.name, "", "", "", "", f"skipped: {result.reason}"]
    beside = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.beside.items())
    yardstick = f"{result.yardstick} {result.yardstick_seconds:.2f} s"
    verdict = "met" if result.met else "NOT met"
    return [
        result.name,
        yardstick,
        f"{result.our_seconds:.2f} s",
        f"{result.ratio:.3g}",
        f"{result.target} {verdict}",
        beside,
    ]


def main() -> None:
    """Run the benchmarks that the command line names, and print the results."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000, help="of the generated capture (%(default)s)")
    parser.add_argument("--flows", type=int, default=100_000, help="of the generated capture (%(default)s)")
    parser.add_argument("--repetitions", type=int, default=3, help="pairs of measurements (%(default)s)")
    parser.add_argument("--only", action="append", choices=_ALL, help="measure only this")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args()
    chosen.only = chosen.only or _ALL
    results = list(_results(chosen))
    if chosen.json:
        json.dump([result.as_json for result in results], sys.stdout, indent=2)
        print()
    else:
        Console(width=None if sys.stdout.isatty() else 140).print(_table(results))


if __name__ == "__main__":
    main()
