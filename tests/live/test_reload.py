"""Rules change while packets arrive: each packet is counted once, by the rules in force."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from support.agents import NAME, PROGRAM, environment, recorded, watching
from support.machine import require
from support.networks import Namespace, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.serving import Server

RULES = """\
from shodohflo.pcap_config import *
NETWORK_ENUMERATION = NetworkEnumeration(("ours", OUR_4NETS), ("all", "0.0.0.0/0"))
FLOW_MAPPING = FlowMapping((None, None, {action}))
"""
BEFORE = RULES.format(action="LowerPort()")
AFTER = RULES.format(action="Assign(DST, SRC)")
BROKEN = RULES.format(action="Assign(DST, SCR)")

DECIDED_BEFORE = "192.168.0.1;198.51.100.1;443;flow"
DECIDED_AFTER = "198.51.100.1;192.168.0.1;40000;flow"
"""The flows of `one_packet` under the rules before and after the reload."""


def one_packet(directory: Path) -> Path:
    """Write a capture with one packet, to be sent repeatedly."""
    packet = Ether() / IP(src="192.168.0.1", dst="198.51.100.1") / UDP(sport=40000, dport=443)
    wrpcap(str(directory / "one.pcap"), [packet])
    return directory / "one.pcap"


def reload(directory: Path) -> int:
    """Make the agent in `directory` reload its configuration, and return the exit status."""
    return subprocess.run([*PROGRAM, "reload"], env=environment(directory), check=False, capture_output=True).returncode


@contextmanager
def sending_on(far: Namespace, capture: Path, speed: str) -> Iterator[None]:
    """Send the capture repeatedly."""
    require("tcpreplay")
    command = [*far.prefix(), "tcpreplay", "-K", speed, "--loop=0", "-i", "far0", str(capture)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sender:
        try:
            yield
            assert sender.poll() is None
        finally:
            sender.kill()


def received(near: Namespace) -> int:
    """Return the packets that `near0` has received, by the kernel's count; a stopped tcpreplay may be off by one."""
    return int(near.run("cat", "/sys/class/net/near0/statistics/rx_packets"))


@pytest.mark.parametrize("speed", ["--pps=3000", "--topspeed"])
def test_no_packet_is_lost_or_counted_twice_while_rules_change(
    ends: tuple[Namespace, Namespace], server: Server, tmp_path: Path, speed: str
) -> None:
    """Keys, ledger and the kernel's count agree exactly across reloads of valid and broken files."""
    far, near = ends
    rules, capture = tmp_path / "rules.py", one_packet(tmp_path)
    rules.write_text(BEFORE)

    words = ("--config", str(rules), "--our-nets", "192.168.0.0/16")
    with watching(near, f"unix://{server.path}", tmp_path, *words) as agent:
        with sending_on(far, capture, speed), server.client() as client:
            wait_until(lambda: client.exists(DECIDED_BEFORE) == 1)
            statuses = []
            for text in (AFTER, BROKEN, BROKEN, BEFORE, AFTER, AFTER):
                rules.write_text(text)
                statuses.append(reload(tmp_path))
            wait_until(lambda: client.exists(DECIDED_AFTER) == 1)
        ledger = agent.end()

    keys = recorded(server)
    assert statuses == [0, 1, 1, 0, 0, 0]
    assert ledger["received"] + ledger["kernel_dropped"] == received(near)
    assert ledger["outcomes"] == {"recorded.flow": ledger["received"]}
    assert {key for key in keys if key.endswith(";flow")} == {DECIDED_BEFORE, DECIDED_AFTER}
    assert keys[DECIDED_BEFORE] + keys[DECIDED_AFTER] == ledger["received"]
    if speed != "--topspeed":
        assert ledger["kernel_dropped"] == 0


def test_what_was_decided_before_keeps_its_sentence(
    ends: tuple[Namespace, Namespace], server: Server, tmp_path: Path
) -> None:
    """A flow decided before a reload keeps the rule's description from that time."""
    far, near = ends
    rules, capture = tmp_path / "rules.py", one_packet(tmp_path)
    rules.write_text(BEFORE)

    with watching(near, f"unix://{server.path}", tmp_path, "--config", str(rules)) as agent:
        for text in (BEFORE, AFTER):
            rules.write_text(text)
            assert reload(tmp_path) == 0
            far.run("tcpreplay", "--loop=5", "-i", "far0", capture)
        agent.end()

    with server.client() as client:
        details = (f"detail;{key.removesuffix(';flow')}" for key in (DECIDED_BEFORE, DECIDED_AFTER))
        before, after = map(client.hgetall, details)
        assert client.hget(f"agent;{NAME}", "received") == "10"
    assert before["rule"] == after["rule"] == "FLOW_MAPPING[0]"
    assert "lower port" in before["sentence"]
    assert before["sentence"] != after["sentence"]


def test_a_file_that_hangs_blocks_neither_the_agent_nor_later_reloads(
    ends: tuple[Namespace, Namespace], server: Server, tmp_path: Path
) -> None:
    """A file that never ends, or ends its process, is refused with its line; packets go on, and so does reloading."""
    far, near = ends
    rules, capture = tmp_path / "rules.py", one_packet(tmp_path)
    rules.write_text(BEFORE)

    with watching(near, f"unix://{server.path}", tmp_path, "--config", str(rules)) as agent, server.client() as client:
        rules.write_text("x = 1\nwhile True:\n    pass\n")
        with subprocess.Popen([*PROGRAM, "reload"], env=environment(tmp_path), stderr=subprocess.PIPE) as reloading:
            far.run("tcpreplay", "-i", "far0", capture)
            wait_until(lambda: client.exists(DECIDED_BEFORE) == 1)
            counted_meanwhile = reloading.poll() is None
            _, told = reloading.communicate(timeout=60)
        rules.write_text("import os\nos._exit(0)\n")
        ended = reload(tmp_path)
        rules.write_text(AFTER)
        again = reload(tmp_path)
        log = agent.log()
        agent.end()

    assert counted_meanwhile
    assert (reloading.returncode, ended, again) == (1, 1, 0)
    assert f"{rules}:".encode() in told
    assert b"it did not end within 10 seconds" in told
    assert f"the configuration stays as it was: {rules}: it ended its process with status 0" in log
