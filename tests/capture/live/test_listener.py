"""The listener follows interfaces as they come and go, and counts every packet once."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shodohflo.capture.filters.expression import CaptureFilter
from shodohflo.capture.live.changes import ChangeKind
from shodohflo.capture.live.interfaces import Interface, Wanted
from shodohflo.capture.live.listener import Listener
from shodohflo.errors import CaptureError
from support.filtering import passed_by_tcpdump
from support.networks import Namespace, join, namespace, send, wait_until
from support.packets import ip, udp

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKETS = 62
_MANY = 120


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


@pytest.fixture(name="log")
def _log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def follow(listener: Listener, kind: ChangeKind, count: int = 1) -> None:
    """Read, without frames, until as many changes of a `kind` have been counted."""

    def has_followed() -> bool:
        list(listener.read(timeout=0))
        return listener.counts.changes[kind] >= count

    wait_until(has_followed)


def test_each_change_is_one_line_with_what_it_means(
    ends: tuple[Namespace, Namespace], log: pytest.LogCaptureFixture
) -> None:
    """Down, up, a name, an address and the end of an interface are each logged and counted."""
    near = ends[1]
    with listening(near) as listener:
        log.clear()
        for words, kind in (
            (("link", "set", "near0", "down"), ChangeKind.DOWN),
            (("link", "set", "near0", "up"), ChangeKind.UP),
            (("addr", "add", "192.0.2.7/24", "dev", "near0"), ChangeKind.ADDRESS_ADDED),
            (("addr", "del", "192.0.2.7/24", "dev", "near0"), ChangeKind.ADDRESS_REMOVED),
            (("link", "set", "near0", "name", "wan0"), ChangeKind.RENAMED),
            (("link", "delete", "wan0"), ChangeKind.GONE),
        ):
            near.ip(*words)
            follow(listener, kind)
        counted = listener.counts.to_fields()

    assert [line for line in log.messages if "waiting" not in line] == [
        "near0 is down: it receives nothing: no longer listening to it",
        "near0 is up: listening to it",
        "near0 has the address 192.0.2.7/24 now",
        "near0 has lost the address 192.0.2.7/24",
        "near0 is called wan0 now: listening to it",
        "wan0 is gone: no longer listening to it",
    ]
    assert {kind: count for kind, count in counted.items() if kind in {*ChangeKind}} == dict.fromkeys(
        map(str, ChangeKind), 1
    ) | {"came": 0, "moved": 0}
    assert counted["lists"] >= 6


def test_an_interface_that_was_elsewhere_is_promiscuous_again(
    ends: tuple[Namespace, Namespace], capture: Path, log: pytest.LogCaptureFixture
) -> None:
    """Moved away and back before the next look, an interface has its old index, but not its promiscuous mode."""
    far, near = ends
    with listening(near, "near0") as listener:
        near.ip("link", "set", "near0", "netns", far.name)
        far.ip("link", "set", "near0", "netns", near.name)
        near.ip("link", "set", "near0", "multicast", "off", "arp", "off", "up")
        assert "promiscuity 0" in near.run("ip", "-d", "link", "show", "near0")
        follow(listener, ChangeKind.CAME)

        assert "promiscuity 1" in near.run("ip", "-d", "link", "show", "near0")
        send(far, "far0", capture)
        assert heard(listener) == _PACKETS
    assert any("near0 has moved to another network namespace" in line for line in log.messages)


def test_a_renamed_interface_is_heard_by_the_name_that_was_asked_for(
    ends: tuple[Namespace, Namespace], capture: Path
) -> None:
    """What is asked for by name is heard while something has that name, be it an alternative one."""
    far, near = ends
    with listening(near, "near0") as listener:
        near.ip("link", "set", "near0", "name", "wan0")
        wait_until(lambda: names(listener) == [])
        near.ip("link", "property", "add", "dev", "wan0", "altname", "near0")
        wait_until(lambda: names(listener) == ["wan0"])
        send(far, "far0", capture)

        assert heard(listener) == _PACKETS


def test_the_label_of_an_address_is_no_interface(ends: tuple[Namespace, Namespace]) -> None:
    """An alias, such as eth0:1, is an address with a label; the error names the interface."""
    with pytest.raises(CaptureError, match="near0:1 is the label of an address; write near0"):
        Wanted(("near0:1",)).refuse_unknown([Interface("near0", 2)])
    near = ends[1]
    near.ip("addr", "add", "198.51.100.7/24", "dev", "near0", "label", "near0:1")
    with listening(near) as listener:
        assert [str(network) for network in listener.networks] == ["198.51.100.0/24"]


def test_ipv6_addresses_of_every_state_show_their_network(ends: tuple[Namespace, Namespace]) -> None:
    """A tentative, a deprecated and a temporary address are addresses of the network all the same."""
    near = ends[1]
    with listening(near) as listener:
        near.ip("link", "set", "near0", "arp", "on", "multicast", "on")
        near.run("sysctl", "-qw", "net.ipv6.conf.near0.accept_dad=1", "net.ipv6.conf.near0.dad_transmits=5")
        near.ip("addr", "add", "2001:db8:1::1/64", "dev", "near0")
        near.ip("addr", "add", "2001:db8:2::1/64", "dev", "near0", "preferred_lft", "0")
        near.ip("addr", "add", "2001:db8:3::1/64", "dev", "near0", "mngtmpaddr")
        shown = near.run("ip", "-6", "addr", "show", "dev", "near0")
        follow(listener, ChangeKind.ADDRESS_ADDED, 3)

        assert "tentative" in shown
        assert "deprecated" in shown
        assert [str(network) for network in listener.networks] == [f"2001:db8:{n}::/64" for n in (1, 2, 3)]


def test_many_changes_at_once_are_a_bounded_number_of_lines(
    ends: tuple[Namespace, Namespace], capture: Path, log: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Interfaces that come and go at once are counted, and packets meanwhile are received."""
    far, near = ends
    added = [f"link add many{number} group 7 type bridge" for number in range(_MANY)]
    many = tmp_path / "many"
    many.write_text("\n".join([*added, *["link set many0 up", "link set many0 down"] * 400]))
    with listening(near) as listener:
        log.clear()
        near.run("ip", "-batch", many)
        send(far, "far0", capture)
        received = heard(listener)
        follow(listener, ChangeKind.CAME, _MANY)
        near.ip("link", "delete", "group", "7")
        send(far, "far0", capture)
        received += heard(listener)
        follow(listener, ChangeKind.GONE, _MANY)
        counts = listener.counts

    assert received == 2 * _PACKETS
    assert (counts.changes[ChangeKind.CAME], counts.changes[ChangeKind.GONE]) == (_MANY, _MANY)
    assert counts.overflows > 0
    assert len(log.messages) <= (20 + 2) * counts.lists
    assert any("more changes at the same time" in line for line in log.messages)


def _passing(passing: CaptureFilter, *wanted: str) -> Listener:
    return Listener(Wanted(wanted), ring_octets=1 << 20, passing=passing)


def test_the_filter_holds_from_the_start_and_can_be_changed(ends: tuple[Namespace, Namespace], capture: Path) -> None:
    """What the filter leaves out is not received; another filter takes its place while packets are received."""
    far, near = ends
    with near.entered(), contextlib.closing(_passing(CaptureFilter.of("udp"), "near0")) as listener:
        send(far, "far0", capture)
        without_tcp = heard(listener)
        listener.pass_only(CaptureFilter.of("src port 80"))
        send(far, "far0", capture)
        from_web = heard(listener)
        listener.pass_only(None)
        send(far, "far0", capture)

        assert heard(listener) == _PACKETS
    assert without_tcp == passed_by_tcpdump(capture, "udp")
    assert from_web == passed_by_tcpdump(capture, "src port 80")


def _through_tun(space: Namespace, number: int) -> None:
    """Send a datagram into a TUN device in `space`, as if its user had received it: to UDP port `number`."""
    with space.entered(), Path("/dev/net/tun").open("r+b", buffering=0) as tun:
        fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
        tun.writelines(ip(udp(4000, number), 17, "192.0.2.1", "192.0.2.2") for _ in range(3))


def test_a_tunnel_and_ethernet_are_each_filtered_as_what_they_are(
    ends: tuple[Namespace, Namespace], capture: Path
) -> None:
    """A packet of a tunnel has no link header, so that the expression is compiled for it as well."""
    far, near = ends
    near.ip("tuntap", "add", "tun0", "mode", "tun")
    near.ip("link", "set", "tun0", "up")
    passing = CaptureFilter.of("udp port 7 or tcp src port 80")
    with near.entered(), contextlib.closing(_passing(passing)) as listener:
        _through_tun(near, 8)
        _through_tun(near, 7)
        send(far, "far0", capture)

        assert heard(listener) == 3 + (passed_by_tcpdump(capture, "tcp src port 80") or 0)


def test_an_interface_where_the_filter_cannot_hold_is_left_out_with_a_warning(
    ends: tuple[Namespace, Namespace], log: pytest.LogCaptureFixture
) -> None:
    """A tunnel has no Ethernet addresses: an expression about them is not applied to it in another sense."""
    near = ends[1]
    near.ip("tuntap", "add", "tun0", "mode", "tun")
    near.ip("link", "set", "tun0", "up")
    passing = CaptureFilter.of("not ether host 02:00:00:00:00:01")
    with near.entered(), contextlib.closing(_passing(passing)) as listener:
        assert names(listener) == ["near0"]

    assert any("tun0 is not listened to: the filter cannot hold there: " in line for line in log.messages)
