"""The kinds of stores: each URL names one, and each is read and written to in its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shodohflo.errors import ConfigurationError
from shodohflo.store.cluster import ClusterStore
from shodohflo.store.connection import RemoteStore
from shodohflo.store.kinds import dialogue_with, named_by, sink_to
from shodohflo.store.sentinel import SentinelStore
from shodohflo.store.sinks.cluster import ClusterSink
from shodohflo.store.sinks.single import Single

if TYPE_CHECKING:
    from support.serving import Server


@pytest.mark.parametrize(
    ("url", "store", "sink"),
    [
        ("bert", RemoteStore, Single),
        ("unix:///run/s", RemoteStore, Single),
        ("redis+sentinel://bert,ernie/flows", SentinelStore, Single),
        ("valkeys+cluster://bert,ernie", ClusterStore, ClusterSink),
    ],
)
def test_a_url_names_a_kind_of_store(url: str, store: type, sink: type) -> None:
    """The scheme says how a store is reached, and so how it is written to."""
    named = named_by(url)

    assert type(named) is store
    assert type(sink_to(named)) is sink
    assert sink_to(named).name == named.name


def test_a_malformed_url_names_no_store() -> None:
    """What is no URL is an error of the configuration."""
    with pytest.raises(ConfigurationError):
        named_by("redis+sentinel://bert")


def test_a_dialogue_ends_with_its_connection(server: Server) -> None:
    """The connections of a dialogue are closed when it ends."""
    store = named_by(f"127.0.0.1:{server.port}")

    with dialogue_with(store) as dialogue:
        assert dialogue.demand(("PING",)) == "PONG"
        [ends] = store.connections()

    with server.client() as client:
        assert str(ends.local_port) not in {each["addr"].rpartition(":")[2] for each in client.client_list()}
