"""Messages on standard error: one line each, beginning with the name of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.cli.messages import fail, no_such, warn
from shodohflo.config import load

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_failure_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Line breaks and indentation in a message become single spaces."""
    fail("the first line\n    and the second", "pcap_agent")

    assert capsys.readouterr() == ("", "pcap_agent: the first line and the second\n")


def test_a_failure_is_one_of_shodohflo_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a program, the message names `shodohflo`."""
    fail("no")

    assert capsys.readouterr().err == "shodohflo: no\n"


def test_each_warning_of_a_configuration_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings go to standard error, so that standard output stays data."""
    path = tmp_path / "configuration.py"
    path.write_text("TTL_GRACES = 1\nLOG_LEVELS = 2\n")
    path.chmod(0o600)

    warn(load(path, {}, privileged=False))

    out, err = capsys.readouterr()
    assert out == ""
    assert [line.partition(": ")[0] for line in err.splitlines()] == ["warning", "warning"]
    assert "TTL_GRACES" in err
    assert "LOG_LEVELS" in err


def test_an_unknown_name_gets_the_closest_known_one() -> None:
    """The closest name is a hint; a name that is like none has none."""
    assert no_such("command", "flow", ["flows", "peers"]) == "No such command 'flow'. Did you mean 'flows'?"
    assert no_such("command", "x", ["flows", "peers"]) == "No such command 'x'."
