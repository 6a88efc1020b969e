"""The options that commands share: prefixes, files to write, and which networks are ours."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import click
import pytest

from shodohflo.cli import options
from shodohflo.config import load
from shodohflo.config.presumed import presumed
from shodohflo.pcap_config import OUR_4NETS, NetworkEnumeration

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


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("192.168.0.0", "write 192.168.0.0/16, or 192.168.0.0/32 for that address alone"),
        ("2001:db8::", "write 2001:db8::/32, or 2001:db8::/128 for that address alone"),
    ],
)
def test_a_network_of_ours_needs_its_length(shodohflo: Command, demo: Path, text: str, way_out: str) -> None:
    """An address that looks like a network's is refused for --our-nets, but not as a filter of readers."""
    result = shodohflo("replay", "--our-nets", text, demo)

    assert result.exit_code == 2
    assert way_out in result.stderr
    assert options.prefix(text) == ip_network(text)
    assert options.our_prefix(way_out.split()[3]) == ip_network(text)


def test_a_ledger_in_a_missing_directory_is_refused_before_the_work(
    shodohflo: Command, demo: Path, tmp_path: Path
) -> None:
    """A ledger in a missing directory is refused with status 2 before the work begins."""
    result = shodohflo("replay", "--ledger", str(tmp_path / "missing" / "ledger.json"), str(demo))

    assert result.exit_code == 2
    assert "there is no directory" in result.stderr


def test_named_networks_are_repeated_with_the_defaults_beside_them(capsys: pytest.CaptureFixture[str]) -> None:
    """Networks that the operator names are ours; standard error repeats them, and adds what else is ours."""
    ours = (ip_network("192.0.2.0/24"),)

    assert options.configured(load(None, {}), ours).our_nets == (*ours, ip_network("fc00::/7"))
    assert capsys.readouterr().err == "our networks: 192.0.2.0/24, and by default fc00::/7 (OUR_6NETS)\n"


def test_presumed_networks_are_named_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Without named networks, the private ones are ours, and standard error names them once."""
    configuration = options.configured(load(None, {}), ())

    (line,) = capsys.readouterr().err.splitlines()
    assert ip_network("10.0.0.0/8") in configuration.our_nets
    assert "10.0.0.0/8" in line


def test_configurations_that_differ_in_what_is_ours_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Two configurations for the same networks have one line each if only one of them uses OUR_6NETS."""
    both = load(None, {})
    only4 = replace(both, enumeration=NetworkEnumeration(("ours", OUR_4NETS)))

    options.bound([both, only4, both], (ip_network("192.0.2.0/24"),), lambda: presumed(both.enumeration))

    assert capsys.readouterr().err.splitlines() == [
        "our networks: 192.0.2.0/24, and by default fc00::/7 (OUR_6NETS)",
        "our networks: 192.0.2.0/24",
    ]


def test_every_command_says_the_same_of_a_network_that_nobody_named(
    shodohflo: Command, tmp_path: Path, cases: Path
) -> None:
    """With an IPv4 network only, `replay`, `explain`, `compare`, `rules` and `check` all take fc00::/7 for ours."""
    capture = cases / "ula-without-v6-nets.pcap"
    empty = tmp_path / "empty.py"
    empty.write_text("")
    named = "--our-nets=192.0.2.0/24"
    reset = "[2001:db8:ffff::9]:443 > [fd00::1]:5000 tcp rst"

    replayed = shodohflo("replay", "--keys", named, capture)
    explained = shodohflo("explain", reset, named)
    counted = shodohflo("rules", named, "--json", empty, capture)
    compared = shodohflo("compare", empty, empty, named, capture)
    checked = shodohflo("check", named)

    key = "fd00::1;2001:db8:ffff::9;5000:443;rst"
    assert f"{key}\t1\n" in replayed.stdout
    assert key in explained.stdout
    assert [json.loads(line)["packets"] for line in counted.stdout.splitlines()] == [0, 1]
    assert compared.stdout.startswith("3 packets; 6 keys before, 6 after\n")
    assert "OUR_6NETS stands for fc00::/7" in checked.stdout
    for result in (replayed, explained, counted, compared, checked):
        assert "our networks: 192.0.2.0/24, and by default fc00::/7 (OUR_6NETS)\n" in result.stderr


@pytest.mark.parametrize("command", [("run", "--duration"), ("reload", "--timeout")])
@pytest.mark.parametrize("number", ["0", "-1", "nan"])
def test_a_time_that_never_ends_or_has_ended_is_refused(
    shodohflo: Command, command: tuple[str, str], number: str
) -> None:
    """Nothing compares with `nan`, so that a wait for it would never end."""
    result = shodohflo(*command, number)

    assert result.exit_code == 2
    assert "write a number of seconds greater than 0" in result.stderr
