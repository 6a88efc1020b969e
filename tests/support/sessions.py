"""A session at one end of a veth pair, for tests of sessions and of code that uses them."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from shodohflo.agent.options import RunOptions
from shodohflo.agent.session import Session
from shodohflo.capture.live.interfaces import Wanted
from shodohflo.capture.live.listener import Listener
from shodohflo.capture.live.socket_watch import SocketWatch
from shodohflo.config import Configuration, load
from shodohflo.store.connection import SocketStore
from shodohflo.store.feed import ServiceFeed
from shodohflo.store.sinks.single import Single
from shodohflo.store.writer import Writer
from support.networks import Namespace, join, namespace
from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from shodohflo.store.connection import Store

OURS: Final = (ip_network("95.136.242.0/24"),)
"""The network of the client in the capture `dpkt-nb6-http.pcap`."""

NOTHING_SET: Final[Mapping[str, str]] = {}

PACKETS: Final = 62
"""The packets in that capture."""


@contextmanager
def a_session(
    far: Namespace,
    directory: Path,
    *,
    store: Store | None = None,
    patience: float = 10.0,
    environment: Mapping[str, str] = NOTHING_SET,
) -> Iterator[Session]:
    """Return a session on `near0`, in a new namespace joined to `far0` in `far`; its store is in `directory`.

    `store` is another way to that store; `environment` has variables that set its configuration.
    """
    with ExitStack() as leaving:
        near = leaving.enter_context(namespace())
        join(far, "far0", near, "near0")
        server = Server(programs()["valkey"](), directory)
        leaving.callback(server.kill)
        server.start()
        store = store or SocketStore(server.path)
        configuration = Configuration(load(None, environment), OURS)
        options = RunOptions(wanted=Wanted(), configuration=configuration, store=store, name="bert", patience=patience)
        yield leaving.enter_context(session_in(near, options, leaving.enter_context(ServiceFeed(store))))


@contextmanager
def session_in(space: Namespace, options: RunOptions, services: ServiceFeed) -> Iterator[Session]:
    """Return a session in `space`, which knows what `services` reads; the thread is in `space` meanwhile."""
    with ExitStack() as leaving:
        leaving.enter_context(space.entered())
        listener = leaving.enter_context(closing(Listener(options.wanted)))
        writer = leaving.enter_context(Writer(Single(options.store), agent=options.name, lifetime=900))
        yield Session(options, listener, writer, leaving.enter_context(SocketWatch()), services)
