"""The machine changes under a running agent, in all ways at once, and every packet is accounted for."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from support.agents import NAME, PROGRAM, environment, watching
from support.filtering import passed_by_tcpdump
from support.machine import require
from support.networks import Namespace, join, namespace, send, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.serving import Server

MANY = 60
"""Interfaces that come and go at once."""


@pytest.fixture(name="ends")
def _ends() -> Iterator[tuple[Namespace, Namespace]]:
    """Join two namespaces: packets sent on `far0` are received on `near0`."""
    with namespace() as far, namespace() as near:
        join(far, "far0", near, "near0")
        yield far, near


def fields(server: Server) -> dict[str, str]:
    """Return the hash of the agent."""
    with server.client() as client:
        return dict(client.hgetall(f"agent;{NAME}"))


def disturb(near: Namespace, away: Namespace, directory: Path) -> None:
    """Let interfaces and addresses of `near` come, go, move to `away` and back, be renamed, and go up and down."""
    lines = [f"link add many{number} group 7 type bridge" for number in range(MANY)]
    lines += ["link add v0 type veth peer name v1"]
    lines += [f"link set many{number} name other{number}" for number in range(0, MANY, 3)]
    lines += [f"addr add 198.51.{number}.1/24 dev near0" for number in range(1, 40)]
    lines += [f"addr add 2001:db8:{number}::1/64 dev near0" for number in range(1, 40)]
    lines += ["link set other0 up", "link set other0 down"] * 300
    lines += ["link set near0 name wan0", "link set wan0 name near0"]
    batch = directory / "batch"
    batch.write_text("\n".join(lines))
    near.run("ip", "-batch", batch)
    near.ip("link", "set", "v0", "netns", away.name)
    away.ip("link", "set", "v0", "netns", near.name)
    near.ip("link", "delete", "group", "7")
    near.ip("addr", "flush", "dev", "near0")


def test_all_packets_are_accounted_for_while_the_machine_changes(
    ends: tuple[Namespace, Namespace], server: Server, tmp_path: Path, shipped_captures: Path
) -> None:
    """While packets flow, hundreds of changes are followed, lost events included; sent is received or dropped."""
    far, near = ends
    require("tcpreplay")
    capture = shipped_captures / "dpkt-nb6-http.pcap"
    packets, loops = 62, 120
    words = ["tcpreplay", "-q", "--pps", "3000", f"--loop={loops}", "-i", "far0", str(capture)]
    with namespace() as away, watching(near, f"unix://{server.path}", tmp_path) as agent:
        with subprocess.Popen([*far.prefix(), *words], stdout=subprocess.PIPE, text=True) as sender:
            disturb(near, away, tmp_path)
            told, _ = sender.communicate(timeout=60)
        near.ip("addr", "add", "203.0.113.1/24", "dev", "near0")
        wait_until(lambda: "are now 203.0.113.0/24" in agent.log())
        ledger = agent.end()
    counts = {name.removeprefix("machine."): int(value) for name, value in fields(server).items() if "machine." in name}

    assert f"Successful packets:        {packets * loops}" in told
    assert ledger["received"] + ledger["kernel_dropped"] == packets * loops
    assert counts["came"] >= MANY
    assert counts["gone"] >= MANY
    assert counts["lists"] > 0
    assert counts["overflows"] > 0
    assert "Traceback" not in agent.log()


def test_an_agent_started_without_any_interface_comes_to_see(
    server: Server, tmp_path: Path, shipped_captures: Path
) -> None:
    """An agent that began with nothing but loopback listens to what comes, and its network is ours."""
    with namespace() as far, namespace() as near:
        join(far, "far0", near, "near0")
        near.ip("link", "set", "near0", "netns", far.name)
        with watching(near, f"unix://{server.path}", tmp_path, joins="") as agent:
            wait_until(lambda: "waiting for one" in agent.log())
            far.ip("link", "set", "near0", "netns", near.name)
            near.ip("link", "set", "near0", "multicast", "off", "arp", "off", "up")
            wait_until(lambda: agent.listens_to("near0"))
            wait_until(lambda: fields(server).get("our_nets.origin") == "defaults")
            near.ip("addr", "add", "95.136.242.99/24", "dev", "near0")
            wait_until(lambda: fields(server)["our_nets"].startswith("95.136.242.0/24"))
            send(far, "far0", shipped_captures / "dpkt-nb6-http.pcap")
            ledger = agent.end()

    assert ledger["received"] == 62
    assert ledger["outcomes"]["recorded.flow"] > 30
    assert fields(server)["our_nets.origin"] == "addresses"


def test_a_filter_is_changed_by_a_reload_and_refused_if_it_is_wrong(
    ends: tuple[Namespace, Namespace], server: Server, tmp_path: Path, shipped_captures: Path
) -> None:
    """The kernel leaves out what the filter in force does not match; ledger, log and hash name the expression."""
    far, near = ends
    capture = shipped_captures / "dpkt-nb6-http.pcap"
    file = tmp_path / "configuration.py"
    file.write_text('CAPTURE_FILTER = "src port 80"\n')

    def reload() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, "reload"], env=environment(tmp_path), check=False, capture_output=True, text=True
        )

    words = ("--config", str(file), "--our-nets", "95.136.242.0/24")
    with watching(near, f"unix://{server.path}", tmp_path, *words) as agent:
        send(far, "far0", capture)
        file.write_text('CAPTURE_FILTER = "src port 80 and"\n')
        wrong = reload()
        send(far, "far0", capture)
        file.write_text('CAPTURE_FILTER = "not src port 80"\n')
        right = reload()
        send(far, "far0", capture)
        ledger = agent.end()

    from_web, others = (passed_by_tcpdump(capture, text) or 0 for text in ("src port 80", "not src port 80"))
    assert (wrong.returncode, right.returncode) == (1, 0)
    assert "CAPTURE_FILTER: " in wrong.stderr
    assert "syntax error" in wrong.stderr, wrong.stderr
    assert ledger["received"] == 2 * from_web + others
    assert ledger["filters"] == ["src port 80", "not src port 80"]
    assert fields(server)["filter"] == "not src port 80"
    assert "dropped by the kernel, without what the filter leaves out" in agent.log()
