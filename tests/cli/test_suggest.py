"""`shodohflo suggest`: the file loads, passes `check`, and its costs are true of the capture."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from shodohflo.analysis.frame import to_bytes
from shodohflo.analysis.suggest.draft import PRICE
from shodohflo.model import TCP
from shodohflo.rules.packet import Packet
from support.packets import ethernet, ip, tcp
from support.savefiles import pcap

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Command

PROPOSAL = re.compile(r"((?:    # (?!\().*\n)+)((?:    # \(.*\n)+)")
"""A comment and the rules that it describes, commented out."""


def saved(path: Path, text: str) -> Path:
    """Write a configuration that root may load too."""
    path.write_text(text)
    path.chmod(0o600)
    return path


def our_nets_of(text: str) -> list[str]:
    """Return the options of the command that the file recommends."""
    (line,) = re.findall(r"^#     shodohflo run (.*) --config FILE$", text, re.MULTILINE)
    return str(line).split()


def proposals(text: str) -> list[tuple[str, str]]:
    """Return each proposal as one line of text, and its rules."""
    return [(" ".join(said.replace("    #", "").split()), rules) for said, rules in PROPOSAL.findall(text)]


def adopted(text: str, said: str, rules: str) -> str:
    """Return the file with one of its proposals uncommented, in place of other rules if it says so."""
    if "in place of" in said:
        text = re.sub(r"    \(.* LowerPort\(.*\n", "", text)
    return text.replace(rules, rules.replace("    # ", "    "))


def keys_of(shodohflo: Command, config: Path, ours: list[str], capture: Path) -> dict[str, int]:
    """Return what a configuration records of a capture."""
    lines = shodohflo("replay", "--keys", "--config", config, *ours, capture).stdout.splitlines()
    return {key: int(count) for key, count in (line.split("\t") for line in lines)}


def loudness(keys: dict[str, int]) -> int:
    """Count the packets under flows, resets and unreachables."""
    return sum(count for key, count in keys.items() if key.endswith((";flow", ";rst", ";icmp")))


CAPTURES = ["demo", "brimcap-alerts.pcap", "zeek-smb_v2_only_non_zero_reserved1.pcap", "zeek-quic-interop-retry.pcap"]


@pytest.fixture(params=CAPTURES)
def capture(request: pytest.FixtureRequest, demo: Path, shipped_captures: Path) -> Path:
    """Return a capture."""
    name: str = request.param
    return demo if name == "demo" else shipped_captures / name


def test_what_is_suggested_loads_and_passes_check(shodohflo: Command, capture: Path, tmp_path: Path) -> None:
    """The suggested file passes `check`, with the networks that it recommends and with presumed ones."""
    result = shodohflo("suggest", capture)

    path = saved(tmp_path / "suggested.py", result.stdout)
    assert result.exit_code == 0
    assert shodohflo("check", path, *our_nets_of(result.stdout)).exit_code == 0
    assert shodohflo("check", path).exit_code == 0


def test_every_price_is_true_of_the_capture(shodohflo: Command, capture: Path, tmp_path: Path) -> None:
    """Each proposal has the stated cost once it is uncommented, and `check` warns where the text says so."""
    text = shodohflo("suggest", capture).stdout
    ours = our_nets_of(text)
    before = keys_of(shodohflo, saved(tmp_path / "before.py", text), ours, capture)
    assert f"which make {len(before):,} keys." in text

    for number, (said, rules) in enumerate(proposals(text)):
        path = saved(tmp_path / f"after{number}.py", adopted(text, said, rules))
        after = keys_of(shodohflo, path, ours, capture)
        assert shodohflo("check", path, *ours).exit_code == ("Anybody in " in said)
        if not said.startswith("Dropping"):
            continue
        keys, packets = re.findall(r"(\d+|less than 1) %", said)
        assert keys == shown(1 - len(after) / len(before))
        assert packets == shown(1 - loudness(after) / loudness(before))
        hidden = re.search(r"hides (\d+) service", said)
        services = [{key.split(";", 1)[1] for key in some if key.endswith(";flow")} for some in (before, after)]
        assert int(hidden[1] if hidden else 0) == len(services[0] - services[1])


def shown(share: float) -> str:
    """Return a share as the file writes it."""
    return "less than 1" if 0 < share < 0.01 else f"{100 * share:.0f}"


def test_drops_of_named_outsiders_pass_check_once_they_count(shodohflo: Command, demo: Path, tmp_path: Path) -> None:
    """A drop for services that are named one by one has no finding once it is uncommented."""
    text = shodohflo("suggest", demo).stdout
    (rules,) = (rules for _, rules in proposals(text) if '"port_443"' in rules)

    path = saved(tmp_path / "dropping.py", text.replace(rules, rules.replace("    # ", "    ")))

    assert shodohflo("check", path, *our_nets_of(text)).exit_code == 0


def test_a_drop_that_outsiders_can_use_says_so(shodohflo: Command, shipped_captures: Path, tmp_path: Path) -> None:
    """A drop that outsiders can exploit carries a warning, and `check` reports it once it is uncommented."""
    text = shodohflo("suggest", shipped_captures / "brimcap-alerts.pcap").stdout
    ((said, rules),) = ((said, rules) for said, rules in proposals(text) if "port 443 (https)" in said)

    path = saved(tmp_path / "dropping.py", text.replace(rules, rules.replace("    # ", "    ")))

    assert "Anybody in outside could then hide by sending from that port" in said
    assert "SPOOFABLE-DROP" in shodohflo("check", path, *our_nets_of(text)).stdout


def test_services_on_high_ports_are_suggested(shodohflo: Command, tmp_path: Path) -> None:
    """A service on a high port is proposed with the number of services before and after."""
    texts = [f"10.0.0.{host}:{40000 + host} > 10.0.0.99:50051 tcp" for host in range(10)]
    capture = tmp_path / "grpc.pcap"
    capture.write_bytes(pcap(ethernet(to_bytes(Packet.from_text(text))) for text in texts))

    text = shodohflo("suggest", capture).stdout

    ((said, rules),) = ((said, rules) for said, rules in proposals(text) if "PortMatch" in rules)
    assert said.startswith("Many clients of port 50051 use lower ports")
    assert said.endswith("the keys name 1 service instead of 10.")
    path = saved(tmp_path / "named.py", text.replace(rules, rules.replace("    # ", "    ")))
    keys = keys_of(shodohflo, path, our_nets_of(text), capture)
    assert {key for key in keys if key.endswith(";flow")} == {f"10.0.0.{n};10.0.0.99;50051;flow" for n in range(10)}


def segment(text: str, numbers: tuple[int, int] = (0, 0)) -> bytes:
    """Return a TCP segment as a frame, with the numbers of sequence and acknowledgement."""
    packet = Packet.from_text(text)
    payload = tcp(packet.src_port, packet.dst_port, packet.tcp_flags, numbers=numbers)
    return ethernet(ip(payload, TCP, str(packet.src_addr), str(packet.dst_addr)))


def test_evidence_is_proposed_where_handshakes_contradict_the_lower_port(shodohflo: Command, tmp_path: Path) -> None:
    """The proposal has its price, passes `check` in place of the rules below it, and can be explained."""
    frames = []
    for port in range(40000, 40015):
        client, service = f"10.0.0.5:{port}", "10.0.0.99:54321"
        frames.append(segment(f"{client} > {service} tcp syn", (port, 0)))
        frames.append(segment(f"{service} > {client} tcp syn ack", (9, port + 1)))
        frames.append(segment(f"{client} > {service} tcp ack"))
    capture = tmp_path / "high.pcap"
    capture.write_bytes(pcap(frames))

    text = shodohflo("suggest", capture).stdout

    ((said, rules),) = ((said, rules) for said, rules in proposals(text) if "Observed" in rules)
    assert said.startswith(
        "The lower port turns 15 of 15 TCP flows round (100 %), by their handshakes: 15 flow keys instead of 1. These "
        "rules in place of the 2 below"
    )
    assert said.endswith(f"They cost more: {PRICE}.")
    path = saved(tmp_path / "observed.py", adopted(text, said, rules))
    assert '(None, "our_nets", LowerPort' not in path.read_text()
    assert shodohflo("check", path, *our_nets_of(text)).exit_code == 0
    told = shodohflo("rules", path).stdout
    assert "by evidence if there is any, otherwise the end with the lower port is the service" in told


def test_evidence_is_not_proposed_where_it_changes_nothing(shodohflo: Command, demo: Path) -> None:
    """In the demo, no handshake contradicts the lower port."""
    assert "Observed" not in shodohflo("suggest", demo).stdout


def test_our_networks_can_be_named(shodohflo: Command, demo: Path) -> None:
    """Networks named by --our-nets are taken instead of guessed ones."""
    text = shodohflo("suggest", "--our-nets", "198.51.100.0/24", demo).stdout

    assert our_nets_of(text) == ["--our-nets", "198.51.100.0/24"]


def test_standard_input_is_read_once(demo: Path, shodohflo: Command) -> None:
    """Standard input gives the same result as the file, although it can be read only once."""
    command = [sys.executable, "-m", "shodohflo", "suggest", "-"]

    piped = subprocess.run(command, input=demo.read_bytes(), capture_output=True, check=True).stdout.decode()

    assert piped.replace("standard input", "demo.pcap") == shodohflo("suggest", demo).stdout


def test_the_name_of_a_capture_cannot_become_code(shodohflo: Command, demo: Path, tmp_path: Path) -> None:
    """Line breaks in a file name are escaped, so that none of it becomes code."""
    odd = tmp_path / "a\nimport os\n.pcap"
    odd.write_bytes(demo.read_bytes())

    result = shodohflo("suggest", odd)

    assert "\nimport os" not in result.stdout
    assert r"a\nimport os\n.pcap" in result.stdout


def test_a_cut_capture_is_used_as_far_as_it_goes(shodohflo: Command, demo: Path, tmp_path: Path) -> None:
    """A truncated capture gives a suggestion, status 1, and the error on standard error."""
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(demo.read_bytes()[:100_000])

    result = shodohflo("suggest", cut)

    assert result.exit_code == 1
    assert f"shodohflo suggest: {cut}: byte " in result.stderr
    assert "FLOW_MAPPING = FlowMapping(" in result.stdout


@pytest.mark.parametrize("content", [b"", b"not a capture"])
def test_nothing_makes_no_suggestion(shodohflo: Command, tmp_path: Path, content: bytes) -> None:
    """An unreadable capture gives one line of error and no configuration."""
    path = tmp_path / "nothing.pcap"
    path.write_bytes(content)

    result = shodohflo("suggest", path)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_without_an_address_that_could_be_ours_it_asks_for_them(shodohflo: Command, shipped_captures: Path) -> None:
    """A capture without an address that could be ours gives an error that asks for --our-nets."""
    result = shodohflo("suggest", shipped_captures / "tcpdump-vsock-1.pcapng")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "name our networks with --our-nets PREFIX" in result.stderr


@pytest.mark.parametrize(
    ("case", "ours"),
    [
        ("ula-without-v6-nets.pcap", "192.0.2.0/24"),
        ("ula-without-our-6nets.pcap", "192.0.2.0/24"),
        ("loopback-without-v4-nets.pcap", "2001:db8::/32"),
    ],
)
def test_with_one_family_the_file_records_what_it_says(
    shodohflo: Command, tmp_path: Path, cases: Path, case: str, ours: str
) -> None:
    """If our networks are of one family, `suggest` and `replay` agree about what is ours in the other."""
    suggested = shodohflo("suggest", "--our-nets", ours, cases / case)

    keys = keys_of(shodohflo, saved(tmp_path / "s.py", suggested.stdout), ["--our-nets", ours], cases / case)

    assert f", which make {len(keys)} keys." in suggested.stdout
