"""What a run of the agent is told."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shodohflo.capture.live.packet_socket import RING_OCTETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.agent.pidfile import Presence
    from shodohflo.agent.status import Status
    from shodohflo.capture.live.interfaces import Network, Wanted
    from shodohflo.config import Settings
    from shodohflo.store.connection import Store


@dataclass(frozen=True, slots=True)
class Terms:
    """What the agent decides by, and may be told anew while it runs."""

    settings: Settings
    our_nets: tuple[Network, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """One run of the agent."""

    wanted: Wanted
    """The interfaces."""
    terms: Terms
    store: Store
    """Where to write; need not be there yet."""
    name: str = field(default_factory=socket.gethostname)
    """Under which the agent's own hash stands in the store: one for each agent that writes there."""
    duration: float | None = None
    """Seconds; None: until a signal ends it."""
    patience: float = 10.0
    """Seconds that the store has at the end to take what is left."""
    promiscuous: bool = True
    ring_octets: int = RING_OCTETS
    reread: Callable[[], Terms] | None = None
    """Returns what the configuration says now, on SIGHUP; `ShodohfloError` if it can't be used, and then the old one
    stays. Called in another thread."""
    presence: Presence | None = None
    """Where reloads are accounted for."""
    on_status: Callable[[Status], None] | None = None
    """Called about twice a second while running; packets wait in the ring meanwhile, so it should take no longer
    than some 50 ms. Without it, a line of statistics goes to the log every `stats_interval` seconds."""
    on_end: Callable[[Status], None] | None = None
    """Called once, when everything has been counted and written."""
