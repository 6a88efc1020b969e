"""The starting configuration as text; that it loads and passes `check` is tested with the command."""

from __future__ import annotations

import pytest

from shodohflo.analysis.suggest.draft import PRICE
from shodohflo.config.known import KNOWN
from shodohflo.report.starting import starting_lines
from support.hosts import HOSTS


def test_this_machine_is_described() -> None:
    """The file names the interfaces, the networks and the addresses of the machine."""
    text = "\n".join(starting_lines(HOSTS["a router"]))

    assert "#     lan: 10.0.0.1/8" in text
    assert "#     wg (down): no address" in text
    assert "shodohflo check FILE --our-nets 10.0.0.0/8 --our-nets 203.0.113.4/30\n" in text
    assert '    # ("this_host", "10.0.0.1/32", "203.0.113.7/32"),' in text


def test_evidence_is_proposed_with_its_price() -> None:
    """The file says what `Observed` is, what it costs, and what would be used in its place."""
    lines = list(starting_lines(HOSTS["an ordinary one"]))
    text = " ".join(line.removeprefix("    #").strip() for line in lines)

    assert '    (None, "our_nets", Observed(otherwise=LowerPort(SRC))),' in lines
    assert '    ("our_nets", None, Observed(otherwise=LowerPort(DST))),' in lines
    assert f"LowerPort(SRC) and LowerPort(DST) alone, which always guess by the ports, Observed costs: {PRICE}" in text
    assert text.count(PRICE) == 1


def test_active_ftp_has_rules_before_evidence() -> None:
    """They are commented out, and stand before the rules that would make a service of each transfer."""
    lines = list(starting_lines(HOSTS["an ordinary one"]))

    there = lines.index('    # (None, "our_nets", PortMatch({20, 21}, SRC)),')
    assert lines[there + 1] == '    # ("our_nets", None, PortMatch({20, 21}, DST)),'
    assert there < lines.index('    (None, "our_nets", Observed(otherwise=LowerPort(SRC))),')


def test_nothing_of_a_machine_is_in_the_file_for_any_machine() -> None:
    """It names no interface and no network of ours, and has the same rules."""
    text = "\n".join(starting_lines([]))

    assert "#     shodohflo check FILE\n\nfrom" in text
    assert "interfaces" not in text.partition("from shodohflo")[0]
    assert '    (None, "our_nets", Observed(otherwise=LowerPort(SRC))),' in text


def test_a_machine_without_networks_has_no_host_to_name() -> None:
    """A machine without networks gets no entry for itself, not even a commented one."""
    assert "this_host" not in "\n".join(starting_lines(HOSTS["without a network"]))


def test_a_name_cannot_become_code() -> None:
    """A line break in the name of an interface does not start a new line of the file."""
    assert not any(line.startswith("import os") for line in starting_lines(HOSTS["with an odd name"]))


@pytest.mark.parametrize("name", sorted(KNOWN.keys() - {"USE_DNSPYTHON"}))
def test_every_setting_is_in_it(name: str) -> None:
    """Each setting is either set or described with its default."""
    assert any(line.startswith((f"# {name} (", f"{name} = ")) for line in starting_lines(HOSTS["an ordinary one"]))
