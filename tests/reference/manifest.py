"""Where our count of packets by family and protocol differs from the manifest's, each with its reason.

The manifest counts outermost packets, as a general dissector sees them. We open tunnels, and refuse what contradicts
itself, is cut, or has no ports. After a change that is meant to differ, write the table anew and give a reason to each
row marked `UNEXPLAINED`; a test fails until that is done:

    CAPTURES=DIRECTORY .venv/bin/python tests/reference/manifest.py
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

if __name__ == "__main__":  # as a script, the folder of the tests isn't on the path
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reference.corpus import Capture, outside, shipped
from shodohflo.capture.files.savefile import Savefile
from shodohflo.errors import CaptureError
from shodohflo.model import TCP, UDP
from shodohflo.wire.decode import Decoded, decode
from support.machine import outside_captures

TABLE: Final = Path(__file__).parent / "manifest.tsv"

UNEXPLAINED: Final = "UNEXPLAINED"

PROTOCOLS: Final = ("tcp", "udp", "icmp")
COLUMNS: Final = {4: "outermost_ipv4_tcp/udp/icmp", 6: "outermost_ipv6_tcp/udp/icmp6"}
"""Of the manifest; each holds three numbers."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """What is counted: packets of one family and protocol in a capture."""

    capture: str
    family: int
    protocol: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are."""

    manifest: int
    ours: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the table."""

    counts: Counts
    reason: str


def ours(capture: Capture) -> Counter[Place]:
    """Count what we decode, as far as the capture can be read."""
    counted: Counter[Place] = Counter()
    with capture.path.open("rb") as stream, suppress(CaptureError):
        for frames in Savefile(stream, capture.path.name):
            counted += _packets(capture, decode(frames))
    return counted


def _packets(capture: Capture, decoded: Decoded) -> Counter[Place]:
    counted: Counter[Place] = Counter()
    for batch in decoded.batches:
        for number, name in ((TCP, "tcp"), (UDP, "udp")):
            counted[Place(capture.path.name, batch.family, name)] += int((batch.protocol == number).sum())
    for messages in decoded.messages:
        counted[Place(capture.path.name, messages.family, "icmp")] += len(messages)
    return counted


def manifests(capture: Capture) -> Counter[Place]:
    """Read what the manifest counts."""
    row = _rows(capture.path.parent)[capture.path.name]
    return Counter(
        {
            Place(capture.path.name, family, protocol): int(number)
            for family, column in COLUMNS.items()
            for protocol, number in zip(PROTOCOLS, row[column].split("/"), strict=True)
        }
    )


@cache
def _rows(directory: Path) -> dict[str, dict[str, str]]:
    with (directory / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


def differences(capture: Capture) -> dict[Place, Counts]:
    """Return where the two counts differ."""
    theirs, counted = manifests(capture), ours(capture)
    return {
        place: Counts(theirs[place], counted[place])
        for place in sorted(theirs | counted)
        if theirs[place] != counted[place]
    }


def listed() -> dict[Place, Listed]:
    """Read the table."""
    if not TABLE.exists():
        return {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {
            Place(row["capture"], int(row["family"]), row["protocol"]): Listed(
                Counts(int(row["manifest"]), int(row["ours"])), row["reason"]
            )
            for row in csv.DictReader(file, delimiter="\t")
        }


def main() -> None:
    """Write the table anew; reasons stay where a row is still there."""
    if outside_captures() is None:
        sys.exit("set CAPTURES to the directory of all captures: the table is about all of them")
    known = listed()
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["capture", "family", "protocol", "manifest", "ours", "reason"])
        for capture in sorted([*shipped(), *outside()], key=str):
            for place, counts in differences(capture).items():
                reason = known[place].reason if place in known else UNEXPLAINED
                writer.writerow([place.capture, place.family, place.protocol, counts.manifest, counts.ours, reason])


if __name__ == "__main__":
    main()
