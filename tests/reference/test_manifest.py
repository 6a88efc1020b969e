"""Every capture has the packets of each family and protocol that its manifest states, except for listed differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference.corpus import Capture, outside, shipped
from reference.manifest import TABLE, UNEXPLAINED, differences, listed, main

if TYPE_CHECKING:
    from pathlib import Path

_SHIPPED = pytest.mark.parametrize("capture", shipped(), ids=str)
_OUTSIDE = pytest.mark.parametrize("capture", outside() or [pytest.param(None, id="none")], ids=str)


def _assert_only_what_is_listed(capture: Capture) -> None:
    expected = {place: row.counts for place, row in listed().items() if place.capture == capture.path.name}

    assert differences(capture) == expected


@_SHIPPED
def test_a_shipped_capture_holds_what_its_manifest_says_except_where_listed(capture: Capture) -> None:
    """The counts of a shipped capture differ from its manifest exactly where the table lists it."""
    _assert_only_what_is_listed(capture)


@_OUTSIDE
@pytest.mark.usefixtures("captures_dir")
def test_a_capture_outside_holds_what_its_manifest_says_except_where_listed(capture: Capture) -> None:
    """The counts of a capture outside the repository differ from its manifest exactly where the table lists it."""
    _assert_only_what_is_listed(capture)


def test_every_listed_difference_has_a_reason() -> None:
    """Every difference in the table has a reason."""
    assert [place for place, row in listed().items() if row.reason in {"", UNEXPLAINED}] == []


def test_the_table_written_anew_is_the_same(
    captures_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regenerating the table gives the same rows, in the same order, with their reasons."""
    assert captures_dir.is_dir()
    before = TABLE.read_text(encoding="utf-8")
    copy = tmp_path / TABLE.name
    copy.write_text(before, encoding="utf-8")
    monkeypatch.setattr("reference.manifest.TABLE", copy)

    main()

    assert copy.read_text(encoding="utf-8") == before
