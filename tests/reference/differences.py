"""Where our keys differ from the reference implementation's, each with its reason: `differences.tsv` and its reader.

The comparison knows no tolerance. A difference that the table does not list fails a test, and so does a listed
one that no longer occurs. After a change that is meant to differ, write the table anew, then say why of each row
marked `UNEXPLAINED`, in the words of `REASONS`; a test fails until that is done:

    CAPTURES=DIRECTORY .venv/bin/python tests/reference/differences.py
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

if __name__ == "__main__":  # as a script, the folder of the tests isn't on the path
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
    "link-types": "the link type is read; there it was not",
}
"""The reasons a difference may have: the ways in which we mean to do better (docs/reference/keys.md)."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a difference is: a key of a capture under a prefix of ours and a configuration."""

    capture: str
    our_nets: str
    configuration: str
    key: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Packets under one key; 0 where there is no such key."""

    reference: int
    ours: int


def differences(capture: Capture) -> dict[Place, Counts]:
    """Return every key whose counts differ, under every prefix and configuration of the reference."""
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
    """Return why each difference of the table is one."""
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
    """Write the table anew, keeping the reasons that are known."""
    if outside_captures() is None:
        sys.exit("set CAPTURES to the directory of all captures: the table is about all of them")
    found: dict[Place, Counts] = {}
    for capture in [*shipped(), *outside()]:
        found |= differences(capture)
    _write(found)


if __name__ == "__main__":
    main()
