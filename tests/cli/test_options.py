"""The options that commands share: prefixes, files to write, and which networks are ours."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import click
import pytest

from shodohflo.cli import options
from shodohflo.config import load

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Command


@pytest.mark.parametrize("text", ["192.0.2.0/24", "192.0.2.1", "2001:db8::/32", "::1"])
def test_a_prefix_of_either_family_is_parsed(text: str) -> None:
    """An address without a length is a prefix of one address."""
    assert options.prefix(text) == ip_network(text)


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("192.0.2.1/24", "it has host bits set; write 192.0.2.0/24"),
        ("2001:db8::1/32", "it has host bits set; write 2001:db8::/32"),
        ("bert", "write one like 192.0.2.0/24"),
        ("192.0.2.0/33", "write one like 192.0.2.0/24"),
    ],
)
def test_a_wrong_prefix_is_refused_with_a_correct_one(text: str, way_out: str) -> None:
    """The error for a wrong prefix quotes it and shows a correct one."""
    with pytest.raises(click.BadParameter, match=way_out.replace("(", r"\(")) as caught:
        options.prefix(text)

    assert repr(text) in caught.value.message


def test_a_ledger_in_a_missing_directory_is_refused_before_the_work(
    shodohflo: Command, demo: Path, tmp_path: Path
) -> None:
    """A ledger in a missing directory is refused with status 2 before the work begins."""
    result = shodohflo("replay", "--ledger", str(tmp_path / "missing" / "ledger.json"), str(demo))

    assert result.exit_code == 2
    assert "there is no directory" in result.stderr


def test_named_networks_are_taken_silently(capsys: pytest.CaptureFixture[str]) -> None:
    """Networks that the operator names are ours, without any message."""
    ours = (ip_network("192.0.2.0/24"),)

    assert options.configured(load(None, {}), ours).our_nets == ours
    assert capsys.readouterr().err == ""


def test_presumed_networks_are_named_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Without named networks, the private ones are ours, and standard error names them."""
    configuration = options.configured(load(None, {}), ())

    assert ip_network("10.0.0.0/8") in configuration.our_nets
    assert "10.0.0.0/8" in capsys.readouterr().err
