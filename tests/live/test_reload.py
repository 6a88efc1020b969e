"""Rules that change while packets come: each packet is counted once, by the rules that were in force."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from live.agents import NAME, PROGRAM, environment, recorded, watching
from live.networks import Namespace, join, namespace, wait_until
from serving import Server, programs
from support import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULES = """\
from shodohflo.pcap_config import *
NETWORK_ENUMERATION = NetworkEnumeration(("ours", OUR_4NETS), ("all", "0.0.0.0/0"))
FLOW_MAPPING = FlowMapping((None, None, {action}))
"""
BEFORE = RULES.format(action="LowerPort()")
AFTER = RULES.format(action="Assign(DST, SRC)")
BROKEN = RULES.format(action="Assign(DST, SCR)")

FLOWS = {"192.168.0.1;198.51.100.1;443;flow", "198.51.100.1;192.168.0.1;40000;flow"}
"""Of the one packet that is sent again and again, by the rules before and by those after."""


@pytest.fixture(name="server")
def _server(tmp_path: Path) -> Iterator[Server]:
    server = Server(programs()["valkey"](), tmp_path).start()
    yield server
    server.kill()


@pytest.fixture(name="ends")
def _ends() -> Iterator[tuple[Namespace, Namespace]]:
    with namespace() as far, namespace() as near:
        join(far, "far0", near, "near0")
        yield far, near


def reload(directory: Path) -> int:
    """Tell the agent in `directory` to read its file again, and return the status of its answer."""
    return subprocess.run([*PROGRAM, "reload"], env=environment(directory), check=False, capture_output=True).returncode


@pytest.mark.parametrize(("speed", "packets"), [("--pps=3000", 20_000), ("--topspeed", 2_000_000)])
def test_no_packet_is_lost_or_counted_twice_while_rules_change(
    ends: tuple[Namespace, Namespace], server: Server, tmp_path: Path, speed: str, packets: int
) -> None:
    """Through good files and a broken one, twice in a row: keys, ledger and the kernel agree to the packet."""
    require("tcpreplay")
    far, near = ends
    rules, capture = tmp_path / "rules.py", tmp_path / "one.pcap"
    rules.write_text(BEFORE)
    wrpcap(str(capture), [Ether() / IP(src="192.168.0.1", dst="198.51.100.1") / UDP(sport=40000, dport=443)])
    sending = [*far.prefix(), "tcpreplay", "-K", speed, f"--loop={packets}", "-i", "far0", str(capture)]

    words = ("--config", str(rules), "--our-nets", "192.168.0.0/16")
    with watching(near, f"unix://{server.path}", tmp_path, *words) as agent:
        with subprocess.Popen(sending, stdout=subprocess.DEVNULL) as sender, server.client() as client:
            wait_until(lambda: client.exists("192.168.0.1;198.51.100.1;443;flow") == 1)
            statuses = []
            for text in (AFTER, BROKEN, BROKEN, BEFORE, BEFORE, AFTER):
                rules.write_text(text)
                statuses.append(reload(tmp_path))
            assert sender.wait(60) == 0
        ledger = agent.end()

    keys = recorded(server)
    assert statuses == [0, 1, 1, 0, 0, 0]
    assert ledger["received"] + ledger["kernel_dropped"] == packets
    assert ledger["outcomes"] == {"recorded.flow": ledger["received"]}
    assert {key for key in keys if key.endswith(";flow")} == FLOWS
    assert sum(keys[key] for key in FLOWS) == ledger["received"]
    if speed != "--topspeed":
        assert ledger["kernel_dropped"] == 0


def test_what_was_decided_before_keeps_its_sentence(
    ends: tuple[Namespace, Namespace], server: Server, tmp_path: Path
) -> None:
    """The store remembers the rule in words, as it was then."""
    far, near = ends
    rules, capture = tmp_path / "rules.py", tmp_path / "one.pcap"
    rules.write_text(BEFORE)
    wrpcap(str(capture), [Ether() / IP(src="192.168.0.1", dst="198.51.100.1") / UDP(sport=40000, dport=443)])

    with watching(near, f"unix://{server.path}", tmp_path, "--config", str(rules)) as agent:
        for text in (BEFORE, AFTER):
            rules.write_text(text)
            assert reload(tmp_path) == 0
            far.run("tcpreplay", "--loop=5", "-i", "far0", capture)
        agent.end()

    with server.client() as client:
        before, after = (client.hgetall(f"detail;{key.removesuffix(';flow')}") for key in sorted(FLOWS))
        assert client.hget(f"agent;{NAME}", "received") == "10"
    assert before["rule"] == after["rule"] == "FLOW_MAPPING[0]"
    assert "lower port" in before["sentence"]
    assert before["sentence"] != after["sentence"]
