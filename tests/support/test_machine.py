"""Missing requirements are named: tests are skipped on other machines and fail on CI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.machine import DATA, outside_captures, require, require_captures

if TYPE_CHECKING:
    from pathlib import Path

_SKIPPED = pytest.skip.Exception
_FAILED = pytest.fail.Exception


def test_a_program_that_is_installed_lets_the_test_go_on() -> None:
    """`require` does nothing if the program is installed."""
    require("sh")


def test_a_missing_program_skips_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason of a skip names the missing programs only."""
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(_SKIPPED, match=r"^missing: the program no-such-program$"):
        require("sh", "no-such-program")


def test_a_missing_program_fails_on_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """On CI, a missing program fails the test."""
    monkeypatch.setenv("CI", "true")

    with pytest.raises(_FAILED, match="no-such-program"):
        require("no-such-program")


def test_missing_rights_skip_and_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root's rights, a test that needs them is skipped for that reason."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(_SKIPPED, match="root"):
        require(root=True)


def test_the_captures_outside_are_where_captures_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`CAPTURES` names the directory of the captures outside the repository."""
    monkeypatch.setenv("CAPTURES", str(tmp_path))

    assert outside_captures() == require_captures() == tmp_path


@pytest.mark.parametrize("named", ["", "/no/such/directory"])
def test_without_captures_outside_their_tests_skip(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    """Without that directory, a test is skipped, and the reason names the variable to set."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("CAPTURES", named)

    with pytest.raises(_SKIPPED, match="set CAPTURES"):
        require_captures()


def test_every_shipped_capture_has_an_origin_and_a_permissive_licence() -> None:
    """Every shipped capture has a row in `ORIGIN.md` with a permissive licence."""
    directory = DATA / "captures"
    shipped = {path.name for path in directory.iterdir()} - {"ORIGIN.md", "MANIFEST.tsv"}
    origin = (directory / "ORIGIN.md").read_text(encoding="utf-8")

    rows = [line.strip("| ").split(" | ") for line in origin.splitlines() if line.startswith("| `")]

    assert {row[0].strip("`") for row in rows} == shipped
    assert {row[2] for row in rows} <= {"Apache-2.0", "BSD-3-Clause", "MIT", "MIT or Apache-2.0", "Unlicense"}
