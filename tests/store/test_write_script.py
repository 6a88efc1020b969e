"""The script: it is one text with the names of fields that readers know."""

from __future__ import annotations

from shodohflo.keys.detail import CORRECTED, EVIDENCE, FIRST, LAST, RULE, SEEN_BY
from shodohflo.store.write_script import AHEAD, SCRIPT


def test_the_script_writes_the_fields_that_readers_know() -> None:
    """Their names are defined in one place; how it works is tested on real stores, in `test_write`."""
    assert all(f"'{name}'" in SCRIPT for name in (FIRST, LAST, RULE, EVIDENCE, CORRECTED, SEEN_BY))
    assert f"AHEAD = {AHEAD}" in SCRIPT
