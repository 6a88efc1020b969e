"""The names and ports of UDP tunnels, with which a configuration can be checked without loading a decoder."""

from __future__ import annotations

import subprocess
import sys

from shodohflo.wire.registry import TABLE
from shodohflo.wire.tunnels import UDP_TUNNELS

LOADED = "import sys, shodohflo.config; print(*(name for name in sys.modules if name.startswith('shodohflo.wire')))"


def test_importing_the_configuration_loads_no_decoder() -> None:
    """Importing `shodohflo.config` loads the names of the tunnels, but neither the registry nor a decoder."""
    output = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True).stdout

    modules = set(output.split())
    assert "shodohflo.wire.tunnels" in modules
    assert [name for name in modules if name.startswith("shodohflo.wire.headers")] == []
    assert not modules & {"shodohflo.wire.decode", "shodohflo.wire.decoding", "shodohflo.wire.registry"}


def test_every_tunnel_has_a_decoder() -> None:
    """The layer of each tunnel has a decoder."""
    assert {tunnel.layer for tunnel in UDP_TUNNELS.values()} <= set(TABLE.layers())


def test_no_port_belongs_to_two_tunnels() -> None:
    """No port belongs to two tunnels, because a packet belongs to at most one."""
    ports = [port for tunnel in UDP_TUNNELS.values() for port in tunnel.ports]

    assert len(ports) == len(set(ports))
    assert all(0 < port < 1 << 16 for port in ports)
