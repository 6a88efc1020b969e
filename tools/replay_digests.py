"""Digests of `replay --keys` and `--ledger` for every capture in every reference configuration.

A refactoring must not change any result. Write the digests before it, and check them after each step:

    python tools/replay_digests.py tests/data ../shared > before.tsv
    python tools/replay_digests.py tests/data ../shared --check before.tsv

Each directory has `captures/` and `reference/keys.jsonl.gz`, which names the prefixes for each capture. The command is
run as a user runs it, so that exit statuses and the parsing of options are covered too.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).parent.parent

CONFIGURATIONS: Final = {
    "any": ROOT / "tests" / "reference" / "any.py",
    "default": ROOT / "tests" / "reference" / "default.py",
    "notes": ROOT / "examples" / "notes.py",
}

USUAL: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")


@dataclass(frozen=True, slots=True)
class Case:
    """One run of `replay`."""

    capture: Path
    our_nets: tuple[str, ...]
    configuration: str

    def digest(self) -> str:
        """Run the case; return its name, the digests of its outputs and its exit status, as one line."""
        with tempfile.TemporaryDirectory() as directory:
            ledger = Path(directory) / "ledger.json"
            prefixes = [word for prefix in self.our_nets for word in ("--our-nets", prefix)]
            command = [sys.executable, "-m", "shodohflo", "replay", "--keys", "--ledger", str(ledger), *prefixes]
            command += ["--config", str(CONFIGURATIONS[self.configuration]), str(self.capture)]
            run = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own program
            counted = ledger.read_bytes() if ledger.exists() else b""
        made = (_digest(run.stdout), _digest(counted), str(run.returncode))
        return "\t".join((self.capture.name, ",".join(self.our_nets), self.configuration, *made))


def cases(directory: Path) -> Iterator[Case]:
    """Yield every capture below `directory`, with the reference's and the usual prefixes, in every configuration."""
    prefixes: dict[str, set[tuple[str, ...]]] = {}
    with gzip.open(directory / "reference" / "keys.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            prefixes.setdefault(row["file"], set()).add((row["our_nets"],))
    for capture in sorted((directory / "captures").glob("*.pcap*")):
        for our_nets in sorted(prefixes.get(capture.name, set()) | {USUAL}):
            for configuration in CONFIGURATIONS:
                yield Case(capture, our_nets, configuration)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the digests, or print the differences from those of a file; return the exit status."""
    parser = argparse.ArgumentParser(description="Digests of what replay makes of captures.")
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="has captures/ and reference/")
    parser.add_argument("--check", type=Path, metavar="FILE", help="compare with digests that were written before")
    options = parser.parse_args(arguments)
    wanted = {str(case): case for directory in options.directories for case in cases(directory)}
    with ThreadPoolExecutor() as pool:
        made = sorted(set(pool.map(Case.digest, wanted.values())))
    if options.check is None:
        sys.stdout.writelines(f"{line}\n" for line in made)
        return 0
    before = set(options.check.read_text(encoding="utf-8").splitlines())
    sys.stdout.writelines(f"was {line}\n" for line in sorted(before - set(made)))
    sys.stdout.writelines(f"now {line}\n" for line in sorted(set(made) - before))
    sys.stdout.write(f"{len(made)} runs, {len(set(made) - before)} differ\n")
    return 0 if set(made) == before else 1


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
