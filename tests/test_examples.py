"""Every file in `examples/` is a configuration that loads, and the example from the notes is unchanged."""

from __future__ import annotations

import hashlib
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from shodohflo.analysis.check.proof import check
from shodohflo.config import Configuration
from shodohflo.config import load as read_settings
from shodohflo.config.presumed import presumed_networks
from shodohflo.pcap_config import FlowMapping, NetworkEnumeration
from shodohflo.rules.compiler import CompiledRules

EXAMPLES = Path(__file__).parents[1] / "examples"

NOTES_DIGEST = "018a853fdca1fdcc90bf7fc3b134f0af67638732110965504fd17a7ec11904f1"
"""SHA-256 of the code block in the notes."""


def load(path: Path) -> dict[str, Any]:
    """Execute a configuration and return the names that it defines."""
    names: dict[str, Any] = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    return names


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_loads_and_its_rules_compile(path: Path) -> None:
    """Every example loads, and its rules compile."""
    names = load(path)

    assert isinstance(names["NETWORK_ENUMERATION"], NetworkEnumeration)
    assert isinstance(names["FLOW_MAPPING"], FlowMapping)
    assert CompiledRules(names["NETWORK_ENUMERATION"], names["FLOW_MAPPING"]).failures == {}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_passes_the_check(path: Path) -> None:
    """Every example has nothing but notes as findings, for the presumed networks and for those in its first lines."""
    settings = read_settings(path, {}, privileged=False)
    named = re.findall(r"--our-nets (\S+)", path.read_text(encoding="utf-8"))

    for networks in [presumed_networks(settings.enumeration), *([tuple(map(ip_network, named))] if named else [])]:
        assert check(Configuration(settings, networks)).worst in (None, "note")


def test_the_notes_example_is_as_it_was_written() -> None:
    """The example from the notes is byte for byte as its author wrote it; our comments come after it."""
    written, _, added = (EXAMPLES / "notes.py").read_bytes().partition(b"\n\n# Up to here")

    assert hashlib.sha256(written + b"\n").hexdigest() == NOTES_DIGEST
    assert b"ACCEPTED_FINDINGS" in added
