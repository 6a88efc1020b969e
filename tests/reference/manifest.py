"""The differences between our packet counts by family and protocol and the manifest's, each with a reason.

The manifest counts outermost packets, as a general dissector sees them. We open tunnels, and refuse packets that are
contradictory, truncated or without ports. After a change that is meant to differ, regenerate the table and give a
reason for each row marked `UNEXPLAINED`; a test fails until that is done:

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

if __name__ == "__main__":  # a script does not have the folder of the tests on its path
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
"""The columns of the manifest by family; each has three numbers."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The place of a count: packets of one family and protocol in a capture."""

    capture: str
    family: int
    protocol: str


@dataclass(frozen=True, slots=True)
class Counts:
    """The two counts of a place."""

    manifest: int
    ours: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the table."""

    counts: Counts
    reason: str


def ours(capture: Capture) -> Counter[Place]:
    """Return our counts, up to the damage if the file is damaged."""
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
    """Return the manifest's counts."""
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
    """Return the places at which the two counts differ."""
    theirs, counted = manifests(capture), ours(capture)
    return {
        place: Counts(theirs[place], counted[place])
        for place in sorted(theirs | counted)
        if theirs[place] != counted[place]
    }


def listed() -> dict[Place, Listed]:
    """Return the rows of the table by place."""
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
    """Regenerate the table, keeping the reasons of rows that still occur."""
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
