"""The defaults of a run, which programs that embed the agent rely on."""

from __future__ import annotations

import socket
from dataclasses import FrozenInstanceError
from ipaddress import ip_network

import pytest

from shodohflo.agent import RunOptions
from shodohflo.capture.live.interfaces import Wanted
from shodohflo.capture.live.packet_socket import RING_OCTETS
from shodohflo.config import Configuration, load
from shodohflo.store.connection import RemoteStore
from shodohflo.store.urls import parse_url


def _options() -> RunOptions:
    """Return options with the required arguments only."""
    configuration = Configuration(load(None, {}), (ip_network("192.0.2.0/24"),))
    store = RemoteStore(parse_url("redis://127.0.0.1:1"))
    return RunOptions(wanted=Wanted(()), configuration=configuration, store=store)


def test_a_run_is_named_after_its_host() -> None:
    """The default name of the agent is the host name."""
    assert _options().name == socket.gethostname()


def test_a_run_goes_on_until_a_signal() -> None:
    """By default a run has no duration and no callbacks."""
    options = _options()

    assert options.duration is None
    assert (options.reread, options.pid_file, options.on_status, options.on_end) == (None, None, None, None)


def test_a_run_sees_frames_for_other_stations_through_the_usual_ring() -> None:
    """By default interfaces are in promiscuous mode, no other namespace is read, and the ring has its default size."""
    options = _options()

    assert options.promiscuous
    assert options.namespaces == ()
    assert options.ring_octets == RING_OCTETS


def test_options_never_change() -> None:
    """Options are frozen, because a running agent shares them between threads."""
    with pytest.raises(FrozenInstanceError):
        _options().duration = 1.0  # type: ignore[misc] # what must not be possible
