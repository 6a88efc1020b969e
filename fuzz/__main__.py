"""Run the fuzzer: `python -m fuzz --time 60 [TARGET...]`; the targets share the time equally.

Interesting inputs are kept in `.fuzz`, so that the next run continues from there. A crash stops the run and prints the
path of its input. Put that file into `fuzz/corpus/TARGET`, where the tests run it as a regression, and fix the bug.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_FOUND: Final = _HERE.parent / ".fuzz"
_NAMES: Final = ("decode", "pcap", "pcapng", "pipeline", "evidence")
_LONGEST: Final = {"decode": 512}
"""The most bytes of an input; files, with 4096, need more than a frame."""

_STRETCH: Final = 30
"""Seconds that one process runs: the fuzzer itself leaks memory, some KiB per input."""

_MOST_MEMORY: Final = 1024
_SLOWEST: Final = 60
"""Seconds that one input may take; `_MOST_MEMORY` is in MiB."""


def main(arguments: list[str]) -> int:
    """Fuzz each target for its share of the time; return the worst exit status."""
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(_NAMES))
    parser.add_argument("--time", type=float, default=60, help="seconds in all")
    parser.add_argument("--one", choices=_NAMES, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    targets = options.targets or _NAMES
    if unknown := set(targets) - set(_NAMES):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(_NAMES)}")
    if options.one:
        return _fuzz(options.one, options.time)
    share = max(1, round(options.time / len(targets)))
    return max(_run(target, share) for target in targets)


def _run(target: str, seconds: int) -> int:
    """Fuzz one target in a series of processes, until one of them finds something or the time is over."""
    for stretch in [_STRETCH] * (seconds // _STRETCH) + [seconds % _STRETCH] * (seconds % _STRETCH > 0):
        command = [sys.executable, "-m", "fuzz", "--one", target, "--time", str(stretch)]
        status = subprocess.run(command, cwd=_HERE.parent, check=False).returncode  # noqa: S603 - ourselves
        if status:
            return status
    return 0


def _fuzz(target: str, seconds: float) -> int:
    """Fuzz one target in this process, which the fuzzer terminates itself."""
    import atheris  # noqa: PLC0415 - only here: not every Python has it

    with atheris.instrument_imports(include=["shodohflo"]):
        from fuzz.targets import TARGETS  # noqa: PLC0415 - instrumented while it is imported

    found = _FOUND / target
    found.mkdir(parents=True, exist_ok=True)
    flags = {
        "max_total_time": int(seconds),
        "max_len": _LONGEST.get(target, 4096),
        "rss_limit_mb": _MOST_MEMORY,
        "timeout": _SLOWEST,
        "report_slow_units": _SLOWEST,
        "artifact_prefix": f"{_FOUND}/{target}-",
        "verbosity": 0,
        "print_final_stats": 1,
    }
    arguments = [sys.argv[0], *(f"-{name}={value}" for name, value in flags.items()), str(found)]
    seeds = _HERE / "corpus" / target
    atheris.Setup([*arguments, *([str(seeds)] if seeds.is_dir() else [])], TARGETS[target])
    print(f"fuzzing {target} for {seconds:g} s", flush=True)  # noqa: T201 - a program that talks to its user
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
