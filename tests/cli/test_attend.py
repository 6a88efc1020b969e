"""Running an agent from a command: errors come before anything is captured."""

from __future__ import annotations

import os
import subprocess
import sys
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from shodohflo.agent.startup import RunArguments
from shodohflo.capture.live.interfaces import Wanted
from shodohflo.cli.attend import attend
from shodohflo.errors import ConfigurationError
from support.forks import in_child
from support.machine import require

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

    def refused() -> str:
        with pytest.raises(ConfigurationError) as told:
            attend(arguments)
        return str(told.value)

    # In a child: an agent gives up the rights of its process first.
    assert "TTL_GRACE" in in_child(refused)


FULL_DISK = """
mount -t tmpfs -o size=1m,mode=755 none "$SHODOHFLO_STATE_DIR"
ip link set lo up
"$PYTHON" -m shodohflo run lo --our-nets 127.0.0.0/8 --duration 3 &
while kill -0 $! && ! [ -S "$SHODOHFLO_STATE_DIR/store.sock" ]; do sleep 0.1; done
dd if=/dev/zero of="$SHODOHFLO_STATE_DIR/fill" bs=4k 2>/dev/null
wait $!
"""


def test_a_map_that_cannot_be_saved_is_an_error_after_the_ledger(tmp_path: Path) -> None:
    """With a full disk at the end, the ledger is printed, then one line about the map that was not saved: status 1."""
    require("unshare", "mount", "ip", "dd", root=True)
    # The PID file is elsewhere: its removal would make room for the map.
    (tmp_path / "state").mkdir()
    environment = os.environ | {
        "SHODOHFLO_STATE_DIR": str(tmp_path / "state"),
        "SHODOHFLO_RUN_DIR": str(tmp_path / "run"),
        "PYTHON": sys.executable,
    }

    ended = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", FULL_DISK],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )

    assert ended.returncode == 1, ended.stderr + ended.stdout
    assert "packets received" in ended.stdout
    assert "embedded store: its data were not saved" in ended.stderr.splitlines()[-1]
    assert f"bytes are free in {tmp_path / 'state'}" in ended.stderr.splitlines()[-1]
