"""The service manager is told by datagrams, as systemd reads them, and nobody is told where there is none."""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from shodohflo.process.service_manager import ServiceManager

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(name="address", params=["path", "abstract"])
def _address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return an address of each kind that systemd uses."""
    return str(tmp_path / "notify") if request.param == "path" else f"@shodohflo-test-{os.getpid()}"


@pytest.fixture(name="systemd")
def _systemd(address: str) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as end:
        end.bind(address.replace("@", "\0"))
        end.settimeout(5)
        yield end


def told(systemd: socket.socket) -> dict[str, str]:
    """Return the assignments of the next datagram."""
    lines = systemd.recv(4096).decode().split("\n")
    return dict(line.split("=", 1) for line in lines)


def test_each_state_is_one_datagram(systemd: socket.socket, address: str) -> None:
    """Every word of the protocol arrives as systemd expects it, and a line stays one line."""
    manager = ServiceManager(address)
    before = time.monotonic_ns() // 1000

    manager.ready()
    manager.reloading()
    manager.alive()
    manager.say("two\nlines\x00 ")
    manager.stopping()

    assert told(systemd) == {"READY": "1"}
    reloading = told(systemd)
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert told(systemd) == {"WATCHDOG": "1"}
    assert told(systemd)["STATUS"].startswith("two lines")
    assert told(systemd) == {"STOPPING": "1"}


def test_the_variables_name_it_and_no_child_gets_them(systemd: socket.socket, address: str) -> None:
    """The socket and half of the watchdog's time are taken from the environment, and out of it."""
    environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/"}

    manager = ServiceManager.of(environ)
    manager.ready()

    assert told(systemd) == {"READY": "1"}
    assert manager.interval == 15
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize(
    "watchdog",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-5"},
        {"WATCHDOG_USEC": "\u0665"},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
    ],
)
def test_no_watchdog_waits_for_this_process(watchdog: dict[str, str]) -> None:
    """Without a time, with an odd one, or one for another process, no sign of life is due."""
    assert ServiceManager.of({"NOTIFY_SOCKET": "/run/notify", **watchdog}).interval is None


@pytest.mark.parametrize("address", ["", "relative", "/no/such/socket", "/" + "x" * 200, "@" + "y" * 300])
def test_a_manager_that_is_not_there_is_no_error(address: str) -> None:
    """Nothing is raised, whatever the variable names."""
    manager = ServiceManager.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})

    manager.ready()
    manager.alive()


def test_a_manager_that_does_not_read_stops_nobody(systemd: socket.socket, address: str) -> None:
    """When its queue is full, what is said is dropped, without waiting."""
    manager = ServiceManager(address)

    for _ in range(10_000):
        manager.alive()

    assert told(systemd) == {"WATCHDOG": "1"}
