"""The arguments of a run of the agent."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shodohflo.capture.live.packet_socket import RING_OCTETS
from shodohflo.process.service_manager import ServiceManager

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.agent.pidfile import PidFile
    from shodohflo.agent.rights import Rights
    from shodohflo.agent.status import Status
    from shodohflo.capture.live.interfaces import Wanted
    from shodohflo.config import Configuration, Settings
    from shodohflo.model import Network
    from shodohflo.store.connection import Store


PATIENCE: Final = 3.0
"""Seconds: with those in which an embedded store saves its data (`startup.SAVING`), a run ends within five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """One run of the agent."""

    wanted: Wanted
    """The interfaces."""
    configuration: Configuration
    """In force until a reload replaces it."""
    store: Store
    """Where to write; it need not be reachable yet."""
    name: str = field(default_factory=socket.gethostname)
    """The name of the agent's hash in the store (see `keys.naming`), unique among the agents that write there."""
    duration: float | None = None
    """Seconds; None for until a signal."""
    patience: float = PATIENCE
    """Seconds that the store has to take the rest at the end, whether it goes on taking something or not."""
    promiscuous: bool = True
    rights: Rights | None = None
    """As whom the agent runs, for its hash."""
    namespaces: tuple[str, ...] = ()
    """Network namespaces, by name, whose sockets are read as well as those of the agent's own."""
    ring_octets: int = RING_OCTETS
    reread: Callable[[], Configuration] | None = None
    """Loads the configuration again, on SIGHUP; if it raises `ShodohfloError`, the old one stays. Called in another
    thread."""
    adapt: Callable[[Settings, tuple[Network, ...]], Configuration] | None = None
    """Returns the configuration for other networks, when the addresses of the interfaces change; None if our networks
    do not come from these. Raises and is called as `reread`."""
    pid_file: PidFile | None = None
    """Where the results of reloads are published."""
    manager: ServiceManager = field(default_factory=ServiceManager)
    """Who is told that the agent is ready, lives and ends; by default nobody."""
    on_status: Callable[[Status], None] | None = None
    """Called about twice a second while running; packets wait in the ring meanwhile, so it should take no longer
    than some 50 ms. Without it, a line of statistics goes to the log every `stats_interval` seconds."""
    on_end: Callable[[Status], None] | None = None
    """Called once, when everything has been counted and written."""
