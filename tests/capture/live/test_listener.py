"""The listener follows interfaces as they come and go, and counts every packet once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from shodohflo.capture.live.interfaces import Wanted
from shodohflo.capture.live.listener import Listener
from shodohflo.errors import CaptureError
from support.networks import Namespace, join, namespace, send, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PACKETS = 62


@pytest.fixture(name="capture")
def _capture(shipped_captures: Path) -> Path:
    return shipped_captures / "dpkt-nb6-http.pcap"


@pytest.fixture(name="ends")
def _ends() -> Iterator[tuple[Namespace, Namespace]]:
    """Join two namespaces: packets sent on `far0` are received on `near0`."""
    with namespace() as far, namespace() as near:
        join(far, "far0", near, "near0")
        yield far, near


@contextlib.contextmanager
def listening(space: Namespace, *names: str, promiscuous: bool = True) -> Iterator[Listener]:
    """Listen in `space`, and stay there: the listener lists the interfaces of this thread's namespace."""
    with space.entered():
        listener = Listener(Wanted(names), promiscuous=promiscuous, ring_octets=1 << 20)
        try:
            yield listener
        finally:
            listener.close()


def heard(listener: Listener) -> int:
    """Return the number of frames received until no more arrive."""
    total = 0
    while count := sum(len(frames) for frames in listener.read(timeout=0.05)):
        total += count
    return total


def names(listener: Listener) -> list[str]:
    """Read once and discard the frames; return the names of the interfaces listened to."""
    list(listener.read(timeout=0))
    return [interface.name for interface in listener.listened]


def test_without_names_all_but_loopback_are_listened_to(ends: tuple[Namespace, Namespace], capture: Path) -> None:
    """Without names, all interfaces but loopback are listened to, as one stream of frames."""
    far, near = ends
    join(far, "far1", near, "near1")
    with listening(near) as listener:
        assert names(listener) == ["near0", "near1"]

        send(far, "far0", capture)
        send(far, "far1", capture)

        assert heard(listener) == 2 * _PACKETS


def test_reading_without_traffic_ends_after_the_timeout(ends: tuple[Namespace, Namespace]) -> None:
    """Reading without traffic ends after the timeout, without frames."""
    with listening(ends[1]) as listener:
        assert list(listener.read(timeout=0.01)) == []


def test_an_interface_that_is_deleted_and_made_again_is_heard_again(
    ends: tuple[Namespace, Namespace], capture: Path
) -> None:
    """An interface that is deleted and created again is listened to again by its name."""
    far, near = ends
    with listening(near, "near0") as listener:
        send(far, "far0", capture)
        before = heard(listener)
        near.ip("link", "delete", "near0")
        wait_until(lambda: names(listener) == [])
        join(far, "far0", near, "near0")
        wait_until(lambda: names(listener) == ["near0"])
        send(far, "far0", capture)

        assert (before, heard(listener)) == (_PACKETS, _PACKETS)


def test_an_interface_made_later_is_listened_to(ends: tuple[Namespace, Namespace], capture: Path) -> None:
    """A new interface is listened to if no names were given, and ignored if it was not named."""
    far, near = ends
    with listening(near) as all_of_them, listening(near, "near0") as one:
        join(far, "far1", near, "near1")
        wait_until(lambda: names(all_of_them) == ["near0", "near1"])
        send(far, "far1", capture)

        assert heard(all_of_them) == _PACKETS
        assert heard(one) == 0


def test_a_bridge_and_its_port_are_counted_once(ends: tuple[Namespace, Namespace], capture: Path) -> None:
    """A packet is counted once if an interface becomes the port of a bridge while both are listened to."""
    far, near = ends
    with listening(near) as listener:
        near.ip("link", "add", "br0", "type", "bridge")
        near.ip("link", "set", "br0", "up")
        wait_until(lambda: "br0" in names(listener))
        near.ip("link", "set", "near0", "master", "br0")
        wait_until(lambda: names(listener) == ["near0"])
        send(far, "far0", capture)

        assert heard(listener) == _PACKETS


def test_named_twice_is_counted_twice_with_a_warning(
    ends: tuple[Namespace, Namespace], shipped_captures: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """If a bridge and its port are both named, their packets are counted twice, with a warning."""
    far, near = ends
    near.ip("link", "add", "br0", "type", "bridge")
    near.ip("link", "set", "near0", "master", "br0")
    near.ip("link", "set", "br0", "up")
    near.ip("link", "set", "br0", "promisc", "on")
    with listening(near, "near0", "br0") as listener:
        sent = send(far, "far0", shipped_captures / "zeek-ftp-ipv4.pcap")

        assert heard(listener) == 2 * sent
    assert "counted twice" in caplog.text


def test_a_macvlan_and_its_lower_device_are_counted_once(ends: tuple[Namespace, Namespace], capture: Path) -> None:
    """A macvlan is left out if its lower device is listened to."""
    far, near = ends
    near.ip("link", "add", "link", "near0", "name", "mac0", "type", "macvlan", "mode", "passthru")
    near.ip("link", "set", "mac0", "up")
    with listening(near) as listener:
        assert names(listener) == ["near0"]

        send(far, "far0", capture)

        assert heard(listener) == _PACKETS


@pytest.mark.parametrize(("promiscuous", "count"), [(True, "promiscuity 1"), (False, "promiscuity 0")])
def test_promiscuous_unless_told_not_to(ends: tuple[Namespace, Namespace], promiscuous: bool, count: str) -> None:  # noqa: FBT001 - a parameter of the test
    """Promiscuous mode is on while listening, unless it is disabled, and off afterwards."""
    near = ends[1]
    with listening(near, "near0", promiscuous=promiscuous):
        while_listening = near.run("ip", "-d", "link", "show", "near0")

    assert count in while_listening
    wait_until(lambda: "promiscuity 0" in near.run("ip", "-d", "link", "show", "near0"))


def test_an_unknown_interface_is_an_error_that_lists_those_that_exist(ends: tuple[Namespace, Namespace]) -> None:
    """An unknown interface name is an error that lists the existing ones."""
    with pytest.raises(CaptureError, match=r"no interface near7 .*; there are lo, near0"), listening(ends[1], "near7"):
        pass


def test_without_any_interface_it_waits_for_one(
    ends: tuple[Namespace, Namespace], caplog: pytest.LogCaptureFixture
) -> None:
    """Without any interface the listener logs that it waits, and listens when one comes up."""
    near = ends[1]
    near.ip("link", "set", "near0", "down")
    with listening(near) as listener:
        said = caplog.messages
        near.ip("link", "set", "near0", "up")
        wait_until(lambda: names(listener) == ["near0"])

    assert any("waiting" in message for message in said)


def test_what_is_received_and_dropped_adds_up_to_what_was_sent(
    ends: tuple[Namespace, Namespace], capture: Path
) -> None:
    """Frames received and frames dropped by the kernel add up to those sent, even if the ring overflows."""
    far, near = ends
    with listening(near) as listener:
        sent = send(far, "far0", capture, "--loop=100")
        first = sum(len(frames) for frames in listener.read(timeout=0))
        sent += send(far, "far0", capture, "--loop=10")
        rest = sum(len(frames) for frames in listener.finish())

        assert listener.kernel_dropped > 0
        assert first + rest + listener.kernel_dropped == sent
