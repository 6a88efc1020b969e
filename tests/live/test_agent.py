"""The whole agent on a link: the store has each packet once, and the ledger accounts for all of them."""

from __future__ import annotations

import signal
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.utils import wrpcap

from support.agents import NAME, recorded, replayed, watching
from support.networks import Namespace, join, send, wait_until
from support.serving import Server, programs

if TYPE_CHECKING:
    from pathlib import Path

_OURS = "95.136.242.0/24"
"""The network of the client in the capture that most of these tests send."""

_HERE = "192.168.0.0/16"
"""The network of the packets that the tests make themselves."""

_PACKETS = 62
"""The number of packets in the capture that most of these tests send."""


@pytest.fixture(name="capture")
def _capture(shipped_captures: Path) -> Path:
    return shipped_captures / "dpkt-nb6-http.pcap"


def url(server: Server) -> str:
    """Return the URL of the store's Unix socket, which is reachable from all namespaces."""
    return f"unix://{server.path}"


def test_the_store_holds_what_replay_of_the_same_captures_gives(
    ends: tuple[Namespace, Namespace], server: Server, shipped_captures: Path, tmp_path: Path
) -> None:
    """The agent stores the same keys as a replay, with two interfaces, both families, tags and tunnels."""
    far, near = ends
    join(far, "far1", near, "near1")
    names = ("zeek-ftp-ipv4", "zeek-ftp-ipv6", "brimcap-alerts", "zeek-mixed-vlan-mpls", "tcpdump-QinQpacket")
    more = ("zeek-icmp6-destunreach-ip6ext-udp", "pcapplusplus-IcmpPackets", "pcap-analyzer-nmap_tcp_22_ipv4")
    first, second = ([shipped_captures / f"{name}.pcap" for name in group] for group in (names, more))
    ours = ("10.0.0.0/8", "192.168.0.0/16", "2000::/3")  # some of the addresses in these captures
    words = [word for prefix in ours for word in ("--our-nets", prefix)]

    with watching(near, url(server), tmp_path, *words, joins="near1") as agent:
        with subprocess.Popen(
            [*far.prefix(), "tcpreplay", "--topspeed", "-i", "far1", *map(str, second)], stdout=subprocess.PIPE
        ) as beside:
            sent = sum(send(far, "far0", path) for path in first)
            told = beside.communicate()[0].decode()
        sent += int(next(line for line in told.splitlines() if "Successful packets" in line).split()[-1])
        ledger = agent.end()

    assert (ledger["received"], ledger["kernel_dropped"]) == (sent, 0)
    expected = replayed(*first, *second, our_nets=ours)
    assert recorded(server) == expected
    assert {key.partition(";")[2][:1] for key in expected if key.startswith("client;")} >= {"1", "2"}


def test_frames_with_one_tag_and_with_two_are_recorded(
    ends: tuple[Namespace, Namespace], server: Server, tmp_path: Path
) -> None:
    """Frames with one VLAN tag, which the kernel removes, and with two are recorded."""
    far, near = ends
    segment = TCP(sport=40000, dport=443, flags="A")
    wrpcap(
        str(tmp_path / "tags.pcap"),
        [
            Ether() / Dot1Q(vlan=5) / IP(src="192.168.0.1", dst="198.51.100.1") / segment,
            Ether() / Dot1AD(vlan=6) / Dot1Q(vlan=7) / IP(src="192.168.0.2", dst="198.51.100.2") / segment,
            Ether()
            / Dot1AD(vlan=6)
            / Dot1Q(vlan=7)
            / IPv6(src="fd00::2", dst="2001:db8::2")
            / UDP(sport=9999, dport=53),
        ],
    )

    with watching(near, url(server), tmp_path, "--our-nets", _HERE, "--our-nets", "fd00::/8") as agent:
        send(far, "far0", tmp_path / "tags.pcap")
        ledger = agent.end()

    assert ledger["outcomes"] == {"recorded.flow": 3}
    flows = {key for key in recorded(server) if key.endswith(";flow")}
    assert flows == {
        "192.168.0.1;198.51.100.1;443;flow",
        "192.168.0.2;198.51.100.2;443;flow",
        "fd00::2;2001:db8::2;53;flow",
    }


@pytest.mark.parametrize("above", ["bridge", "macvlan"])
def test_a_device_above_the_interface_counts_nothing_twice(
    ends: tuple[Namespace, Namespace], server: Server, capture: Path, tmp_path: Path, above: str
) -> None:
    """Packets are counted once if a bridge or macvlan is above the interface."""
    far, near = ends
    if above == "bridge":
        near.ip("link", "add", "above0", "type", "bridge")
        near.ip("link", "set", "near0", "master", "above0")
    else:
        near.ip("link", "add", "link", "near0", "name", "above0", "type", "macvlan", "mode", "passthru")
    near.ip("link", "set", "above0", "promisc", "on", "up")

    with watching(near, url(server), tmp_path, "--our-nets", _OURS) as agent:
        # The bridge itself makes near0 promiscuous, so wait for the agent's first heartbeat instead.
        with server.client() as client:
            wait_until(lambda: client.hget(f"agent;{NAME}", "interfaces") == "near0")
        send(far, "far0", capture)
        ledger = agent.end()

    assert ledger["received"] == _PACKETS
    assert recorded(server) == replayed(capture, our_nets=(_OURS,))


def test_own_traffic_to_the_store_is_left_out_and_that_of_others_is_not(
    ends: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    """The agent's own traffic to the store is left out, and that of other programs on its host is recorded."""
    far, near = ends
    for space, interface, address in ((far, "far0", "192.168.9.1/24"), (near, "near0", "192.168.9.2/24")):
        space.ip("link", "set", interface, "arp", "on")
        space.ip("address", "add", address, "dev", interface)
    options = ("--bind", "192.168.9.1", "--protected-mode", "no")
    with far.entered():
        server = Server(programs()["valkey"](), tmp_path, options, port=6379).start()

    try:
        with watching(near, "valkey://192.168.9.1:6379", tmp_path, "--our-nets", _HERE) as agent:
            with server.client() as client:
                wait_until(lambda: client.exists(f"agent;{NAME}") == 1)
            with near.entered(), socket.create_connection(("192.168.9.1", 6379)) as other:
                other.sendall(b"PING\r\n")
                assert other.recv(100) == b"+PONG\r\n"
            ledger = agent.end()
        keys = recorded(server)
    finally:
        server.kill()

    assert ledger["outcomes"]["own_traffic"] > 0
    # Of the other program's connection, only the store's packets are received: an ACK or two and the answer.
    assert set(keys) == {
        "192.168.9.2;192.168.9.1;6379;flow",
        "192.168.9.2;192.168.9.1;peer",
        "192.168.9.1;192.168.9.2;peer",
        "client;192.168.9.2",
    }
    assert keys["client;192.168.9.2"] == ledger["outcomes"]["recorded.flow"] <= 3


def test_an_interface_that_is_deleted_and_made_again_is_heard_again(
    ends: tuple[Namespace, Namespace], server: Server, capture: Path, tmp_path: Path
) -> None:
    """An interface that is deleted and created again is listened to again without a restart."""
    far, near = ends

    with watching(near, url(server), tmp_path, "near0", "--our-nets", _OURS) as agent:
        send(far, "far0", capture)
        near.ip("link", "delete", "near0")
        join(far, "far0", near, "near0")
        wait_until(lambda: agent.listens_to("near0"))
        send(far, "far0", capture)
        ledger = agent.end()

    assert ledger["received"] == 2 * _PACKETS
    assert recorded(server) == replayed(capture, capture, our_nets=(_OURS,))


def test_what_the_kernel_dropped_is_counted_to_the_packet(
    ends: tuple[Namespace, Namespace], server: Server, capture: Path, tmp_path: Path
) -> None:
    """An agent that is stopped for a while loses packets, and counts exactly how many."""
    far, near = ends

    with watching(near, url(server), tmp_path, "--our-nets", _OURS) as agent:
        agent.process.send_signal(signal.SIGSTOP)
        sent = send(far, "far0", capture, "--loop=3000", "--preload-pcap")
        agent.process.send_signal(signal.SIGCONT)
        ledger = agent.end()

    assert ledger["kernel_dropped"] > 0
    assert ledger["received"] + ledger["kernel_dropped"] == sent
    assert "dropped by the kernel" in agent.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_writes_everything_out(
    ends: tuple[Namespace, Namespace], server: Server, capture: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """A signal makes the agent write all pending counts and set its state to `ended`."""
    far, near = ends

    with watching(near, url(server), tmp_path, "--our-nets", _OURS) as agent:
        send(far, "far0", capture, "--loop=3")
        agent.end(number)

    assert recorded(server) == replayed(capture, capture, capture, our_nets=(_OURS,))
    with server.client() as client:
        assert client.hget(f"agent;{NAME}", "state") == "ended"
        assert client.hget(f"agent;{NAME}", "received") == str(3 * _PACKETS)


def test_a_run_ends_after_its_duration(ends: tuple[Namespace, Namespace], server: Server, tmp_path: Path) -> None:
    """A run ends after its duration, with a ledger and a line in the log."""
    with watching(ends[1], url(server), tmp_path, "--our-nets", _OURS, "--duration", "0.5") as agent:
        assert agent.ledger() == {"received": 0, "kernel_dropped": 0, "outcomes": {}}

    assert "the duration is over" in agent.log()


def test_a_new_flow_is_readable_soon(
    ends: tuple[Namespace, Namespace], server: Server, capture: Path, tmp_path: Path
) -> None:
    """A new flow is readable within two seconds."""
    far, near = ends

    with watching(near, url(server), tmp_path, "--our-nets", _OURS), server.client() as client:
        wait_until(lambda: client.exists(f"agent;{NAME}") == 1)
        send(far, "far0", capture)

        wait_until(lambda: bool(client.keys("client;*")), seconds=2.0)


def test_a_store_that_comes_later_gets_everything(
    ends: tuple[Namespace, Namespace], server: Server, capture: Path, tmp_path: Path
) -> None:
    """If the store is down at the start, the agent keeps counting, logs its retries, and writes everything later."""
    far, near = ends
    server.kill()

    with watching(near, url(server), tmp_path, "--our-nets", _OURS) as agent:
        send(far, "far0", capture)
        wait_until(lambda: "trying again" in agent.log())
        server.start()
        agent.end()

    assert recorded(server) == replayed(capture, our_nets=(_OURS,))
