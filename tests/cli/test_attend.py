"""Running an agent from a command: errors come before anything is captured."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from shodohflo.agent.startup import RunArguments
from shodohflo.capture.live.interfaces import Wanted
from shodohflo.cli.attend import attend
from shodohflo.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_configuration_that_cannot_be_used_ends_it_first(tmp_path: Path) -> None:
    """A wrong configuration is refused before the right to capture, the store and the PID file are needed."""
    config = tmp_path / "configuration.py"
    config.write_text("TTL_GRACE = 0\n")
    config.chmod(0o600)
    arguments = RunArguments(
        wanted=Wanted(()),
        our_nets=(ip_network("192.0.2.0/24"),),
        config=config,
        store=None,
        duration=None,
        name=None,
        ledger=None,
        promiscuous=True,
    )

    with pytest.raises(ConfigurationError, match="TTL_GRACE"):
        attend(arguments)
