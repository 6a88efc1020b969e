"""The differences between our keys and the reference implementation's, each with a reason: the table `differences.tsv`.

There is no tolerance. A difference that the table does not list fails a test, and so does a listed one that no longer
occurs. After a change that is meant to differ, regenerate the table and replace each `UNEXPLAINED` by one of `REASONS`;
a test fails until that is done:

    CAPTURES=DIRECTORY .venv/bin/python tests/reference/differences.py
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

if __name__ == "__main__":  # a script does not have the folder of the tests on its path
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reference.corpus import CONFIGURATIONS, Capture, cases, family, outside, replay, shipped
from support.machine import outside_captures

TABLE: Final = Path(__file__).parent / "differences.tsv"

UNEXPLAINED: Final = "UNEXPLAINED"

REASONS: Final = {
    "reset-elsewhere": "a reset to an address outside our networks makes nothing; there it became a flow",
    "self-once": "a flow of an address with itself counts its peer key once; there twice",
    "icmpv6": "ICMPv6 unreachables are recorded",
    "extension-headers": "TCP behind IPv6 extension headers is recorded; there it could not be decoded",
    "encapsulation": "stacked tags, labels and tunnels are opened; there what is in them was not seen",
    "contradictions": "headers that contradict themselves are refused; there they were decoded anyway",
    "sent": "the capture marks packets as sent by the capturing host, which are not counted; there they were",
    "link-types": "the link type is read; there it was not",
}
"""The reasons for a difference: intended improvements (docs/reference/keys.md)."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The place of a difference: a key of a capture, with one prefix of ours and one configuration."""

    capture: str
    our_nets: str
    configuration: str
    key: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Packets under one key, or 0 if there is no such key."""

    reference: int
    ours: int


def differences(capture: Capture) -> dict[Place, Counts]:
    """Return every key whose counts differ, with every prefix and configuration of the reference."""
    found = {}
    for case in cases(capture):
        file = CONFIGURATIONS[case.configuration]
        counted = replay(capture, [case.our_nets], file, suppress_own_network=case.suppress_own_network).keys
        ours = {key: packets for key, packets in counted.items() if family(key) == case.our_nets.version}
        for key in case.keys | ours:
            counts = Counts(case.keys.get(key, 0), ours.get(key, 0))
            if counts.reference != counts.ours:
                found[Place(capture.path.name, str(case.our_nets), case.configuration, key)] = counts
    return found


def listed() -> dict[Place, Counts]:
    """Return the differences that the table lists."""
    return {_place(row): Counts(int(row["reference"]), int(row["ours"])) for row in _rows()}


def reasons() -> dict[Place, str]:
    """Return the reason of each difference in the table."""
    return {_place(row): row["reason"] for row in _rows()}


def _place(row: dict[str, str]) -> Place:
    return Place(row["capture"], row["our_nets"], row["configuration"], row["key"])


def _rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _write(found: dict[Place, Counts]) -> None:
    known = reasons()
    with TABLE.open("w", encoding="utf-8") as file:
        print("capture", "our_nets", "configuration", "key", "reference", "ours", "reason", sep="\t", file=file)
        for place, counts in sorted(found.items(), key=lambda row: row[0]):
            where = (place.capture, place.our_nets, place.configuration, place.key)
            print(*where, counts.reference, counts.ours, known.get(place, UNEXPLAINED), sep="\t", file=file)


def main() -> None:
    """Regenerate the table, keeping known reasons."""
    if outside_captures() is None:
        sys.exit("set CAPTURES to the directory of all captures: the table is about all of them")
    found: dict[Place, Counts] = {}
    for capture in [*shipped(), *outside()]:
        found |= differences(capture)
    _write(found)


if __name__ == "__main__":
    main()
