"""The captures, their manifest, and the results of the reference implementation.

A directory of captures has a `MANIFEST.tsv`; beside it, `reference/keys.jsonl.gz` has a line for each capture, prefix
of ours and configuration. The captures of the repository (`tests/data`) and the whole corpus (`CAPTURES`) have this
form.

The reference implementation was run with one prefix at a time, on the packets of that prefix's address family only. We
read whole files, so only our keys of that family are compared.
"""

from __future__ import annotations

import csv
import gzip
import json
import runpy
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shodohflo.attribution.pipeline import Pipeline
from shodohflo.attribution.policy import Policy
from shodohflo.capture.files.savefile import Savefile
from shodohflo.errors import CaptureError
from shodohflo.keys import counts
from shodohflo.rules.compiler import CompiledRules
from support.machine import SHIPPED_CAPTURES, outside_captures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shodohflo.attribution.ledger import Ledger
    from shodohflo.columns.frames import Frames

Prefix = IPv4Network | IPv6Network

_HERE: Final = Path(__file__).parent

CONFIGURATIONS: Final = {"any": _HERE / "any.py", "notes": _HERE.parent.parent / "examples" / "notes.py"}
"""The configurations of the reference implementation's runs."""

USUAL_NETWORKS: Final = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
"""The presumed networks: those that `replay` takes for ours by default."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture file with its row of the manifest."""

    path: Path
    packets: int
    damaged: bool
    """Whether the file is truncated or corrupt; `packets` counts those before the damage."""

    def __str__(self) -> str:
        """Return the file name, which also names the tests."""
        return self.path.name


@dataclass(frozen=True, slots=True)
class Case:
    """The keys that the reference implementation counted for one capture under one configuration."""

    our_nets: Prefix
    configuration: str
    keys: dict[str, int]

    @property
    def suppress_own_network(self) -> bool:
        """Whether the reference suppressed traffic between our own hosts: with the notes' configuration only."""
        return self.configuration == "notes"


@dataclass(frozen=True, slots=True)
class Replay:
    """The results of our pipeline for one capture."""

    keys: dict[str, int]
    ledger: Ledger
    broken: str
    """The message of the reader if it stopped early; empty if it read the whole file."""


def shipped() -> list[Capture]:
    """Return the captures that are part of the repository."""
    return list(_captures(SHIPPED_CAPTURES).values())


def outside() -> list[Capture]:
    """Return the captures of the whole corpus that are not part of the repository; none without `CAPTURES`."""
    directory = outside_captures()
    if directory is None:
        return []
    ours = _captures(SHIPPED_CAPTURES)
    return [capture for name, capture in _captures(directory).items() if name not in ours]


def cases(capture: Capture) -> list[Case]:
    """Return the reference implementation's results for `capture`, with every prefix and configuration."""
    return _cases(capture.path.parent.parent / "reference" / "keys.jsonl.gz")[capture.path.name]


def replay(
    capture: Capture, our_nets: Iterable[Prefix], configuration: Path, *, suppress_own_network: bool = False
) -> Replay:
    """Run `capture` through our pipeline."""
    our_nets = tuple(our_nets)
    settings = runpy.run_path(str(configuration))
    rules = CompiledRules(settings["NETWORK_ENUMERATION"].bound(our_nets), settings["FLOW_MAPPING"])
    pipeline = Pipeline(rules, Policy(our_nets, suppress_own_network=suppress_own_network))
    broken = _read(capture.path, pipeline)
    return Replay(counts(pipeline.take()), pipeline.settle(), broken)


def frames_of(capture: Capture) -> Iterator[Frames]:
    """Yield the frames of `capture`, up to the damage if there is any."""
    with capture.path.open("rb") as stream, suppress(CaptureError):
        yield from Savefile(stream, capture.path.name)


def family(key: str) -> int:
    """Return the address family of a key: 4 or 6."""
    fields = key.split(";")
    return ip_address(fields[1] if fields[0] == "client" else fields[0]).version


def _read(path: Path, pipeline: Pipeline) -> str:
    with path.open("rb") as stream:
        try:
            for frames in Savefile(stream, path.name):
                pipeline.ingest(frames)
        except CaptureError as error:
            return str(error)
    return ""


@cache
def _captures(directory: Path) -> dict[str, Capture]:
    with (directory / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {row["file"]: _capture(directory, row) for row in rows}


def _capture(directory: Path, row: dict[str, Any]) -> Capture:
    return Capture(directory / row["file"], int(row["packets"]), "file damage" in row["special"])


@cache
def _cases(path: Path) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            case = Case(ip_network(row["our_nets"]), row["config"], row["keys"])
            found.setdefault(row["file"], []).append(case)
    return found
