"""An agent whose networks come from its interfaces follows their addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.agents import NAME, recorded, watching
from support.networks import Namespace, namespace, send, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.agents import Watching
    from support.serving import Server

OURS = "95.136.242.99/24"
"""An address in the network of the client in the capture `dpkt-nb6-http.pcap`."""

PACKETS = 62


@pytest.fixture(name="ends")
def _ends() -> Iterator[tuple[Namespace, Namespace]]:
    """Join two namespaces; the interfaces resolve addresses, as IPv6 finds duplicates only on such ones."""
    with namespace() as far, namespace() as near:
        far.ip("link", "add", "far0", "type", "veth", "peer", "name", "near0", "netns", near.name)
        for space, end in ((far, "far0"), (near, "near0")):
            space.ip("link", "set", end, "up")
        yield far, near


def networks(server: Server) -> str:
    """Return our networks as the hash of the agent has them."""
    with server.client() as client:
        return str(client.hget(f"agent;{NAME}", "our_nets"))


def says(agent: Watching, networks: str) -> None:
    """Wait until the log of the agent has taken up `networks`."""
    wait_until(lambda: f"are now {networks}\n" in agent.log())


def test_an_address_that_comes_later_makes_its_network_ours(
    ends: tuple[Namespace, Namespace], server: Server, tmp_path: Path, shipped_captures: Path
) -> None:
    """An agent that starts before its interface has an address records the network as soon as there is one."""
    far, near = ends
    capture = shipped_captures / "dpkt-nb6-http.pcap"
    with watching(near, f"unix://{server.path}", tmp_path) as agent:
        assert "our networks, until an interface has an address" in agent.log()
        near.ip("addr", "add", OURS, "dev", "near0")
        says(agent, "95.136.242.0/24, and by default fc00::/7 (OUR_6NETS)")
        wait_until(lambda: networks(server) == "95.136.242.0/24 fc00::/7")
        send(far, "far0", capture)
        ledger = agent.end()

    assert ledger["outcomes"]["recorded.flow"] > PACKETS / 2
    assert any(key.startswith("95.136.242.") and key.endswith(";flow") for key in recorded(server))


def test_an_ipv6_address_is_followed_too_and_one_that_goes(
    ends: tuple[Namespace, Namespace], server: Server, tmp_path: Path
) -> None:
    """An IPv6 address counts when it has come, with duplicate detection; what goes is ours no more, except the last."""
    near = ends[1]
    near.run("sysctl", "-qw", "net.ipv6.conf.near0.accept_dad=1")
    near.ip("addr", "add", OURS, "dev", "near0")
    with watching(near, f"unix://{server.path}", tmp_path) as agent:
        near.ip("addr", "add", "2001:db8:7::1/64", "dev", "near0")
        says(agent, "95.136.242.0/24, 2001:db8:7::/64")
        near.ip("addr", "del", OURS, "dev", "near0")
        says(agent, "2001:db8:7::/64, and by default 127.0.0.0/24 (OUR_4NETS)")
        near.ip("addr", "del", "2001:db8:7::1/64", "dev", "near0")
        wait_until(lambda: "ours stay 2001:db8:7::/64, and by default 127.0.0.0/24" in agent.log())
        agent.end()

    assert networks(server) == "2001:db8:7::/64 127.0.0.0/24"


def test_networks_that_are_named_stay(ends: tuple[Namespace, Namespace], server: Server, tmp_path: Path) -> None:
    """Addresses change nothing if our networks are named."""
    near = ends[1]
    with watching(near, f"unix://{server.path}", tmp_path, "--our-nets", "192.0.2.0/24") as agent:
        near.ip("addr", "add", OURS, "dev", "near0")
        near.ip("link", "add", "near1", "type", "veth", "peer", "name", "near2")
        near.ip("link", "set", "near1", "up")
        wait_until(lambda: agent.listens_to("near1"))
        agent.end()

    assert networks(server) == "192.0.2.0/24 fc00::/7"
    assert "are now" not in agent.log()
