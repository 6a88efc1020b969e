"""The measurement of accuracy: what is taken for true, what a judge is shown, and how it is scored."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks import attribution, attribution_captures, attribution_truth
from benchmarks.attribution_captures import Recording, Seen
from benchmarks.attribution_score import (
    ORDER,
    Judged,
    Score,
    by_rung,
    everything,
    from_the_middle,
    judge_all,
    openings_hidden,
    received_at,
    reference,
)
from benchmarks.attribution_truth import Known, Truth

from reference.ladder import SECOND, Flow, Packet, Verdict
from shodohflo.model import TCP, UDP, End, Rung
from support.machine import SHIPPED_CAPTURES

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
ONE, TWO = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
SYN, SYN_ACK, ACK = 0x02, 0x12, 0x10


def _seen(packet: Packet, payload: bytes = b"") -> Seen:
    sender = End(packet.src, packet.protocol, packet.sport)
    flow = Flow.between(sender, End(packet.dst, packet.protocol, packet.dport))
    return Seen(packet, flow, flow.side_of(sender), payload)


def _segment(flags: int, number: int = 0, *, back: bool = False, port: int = 40000) -> Seen:
    ends = (TWO, 443, ONE, port) if back else (ONE, port, TWO, 443)
    return _seen(Packet(0, *ends, TCP, flags, number))


def _datagram(at: float, payload: bytes = b"", *, back: bool = False, ports: tuple[int, int] = (5000, 6000)) -> Seen:
    ends = (TWO, ports[1], ONE, ports[0]) if back else (ONE, ports[0], TWO, ports[1])
    return _seen(Packet(round(at * SECOND), *ends, UDP), payload)


BEGIN = _datagram(0, ports=(1, 2))
"""The capture begins with something else."""


def _truth(*seen: Seen) -> Truth:
    return attribution_truth.find(Recording("made", list(seen)))


HANDSHAKE = (_segment(SYN, 7), _segment(SYN_ACK, 7, back=True), _segment(ACK))


def test_whose_syn_was_acknowledged_is_the_client() -> None:
    """A SYN and the SYN-ACK that acknowledges it make the truth about a TCP flow with payload."""
    assert _truth(*HANDSHAKE).known == {HANDSHAKE[0].flow: Known(1, "opening")}


@pytest.mark.parametrize(
    ("packets", "reason"),
    [
        ([_segment(SYN, 7), _segment(SYN_ACK, 8, back=True), _segment(ACK)], "no opening seen"),
        ([_segment(SYN_ACK, 7, back=True), _segment(SYN, 7), _segment(ACK)], "no opening seen"),
        ([*HANDSHAKE, _segment(SYN, 9, back=True), _segment(SYN_ACK, 9)], "both ends open or ask"),
    ],
    ids=["another number", "the wrong order", "both ends"],
)
def test_other_tcp_flows_are_set_apart(packets: Sequence[Seen], reason: str) -> None:
    """A flow whose opening was not seen in full, or was seen from both ends, has no truth."""
    truth = _truth(*packets)

    assert (truth.known, dict(truth.apart)) == ({}, {reason: 1})


QUESTION = bytes.fromhex("1234 0100 0001 0000 0000 0000 0377777700 0001 0001")
ANSWER = bytes.fromhex("1234 8180 0001 0001 0000 0000 0377777700 0001 0001 c00c")


def _ntp(originate: int, transmit: int) -> bytes:
    return struct.pack(">24xQ8xQ", originate, transmit)


CALL = struct.pack(">7I", 9, 0, 2, 100_003, 3, 1, 0)
REPLY = struct.pack(">6I", 9, 1, 0, 0, 0, 0)
INVITE = b"INVITE sip:a SIP/2.0\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"
RINGING = b"SIP/2.0 180 Ringing\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"
SNMP_GET = bytes.fromhex("30 1b 020101 0406 7075626c6963 a00e 0204 01020304 020100 020100 3000")
SNMP_RESPONSE = SNMP_GET.replace(b"\xa0", b"\xa2")


@pytest.mark.parametrize(
    ("port", "asks", "answers"),
    [
        (53, QUESTION, ANSWER),
        (123, _ntp(0, 5), _ntp(5, 6)),
        (2049, CALL, REPLY),
        (9999, CALL, REPLY),
        (5060, INVITE, RINGING),
        (161, SNMP_GET, SNMP_RESPONSE),
    ],
    ids=["DNS", "NTP", "RPC", "RPC on any port", "SIP", "SNMP"],
)
def test_who_named_first_what_the_other_repeats_is_the_client(port: int, asks: bytes, answers: bytes) -> None:
    """The answer repeats what the question named itself; an answer seen alone, or first, says nothing."""
    ports = (5000, port)
    question, answer = _datagram(0, asks, ports=ports), _datagram(0.1, answers, back=True, ports=ports)

    assert list(_truth(question, answer).known.values()) == [Known(1, "echo")]
    assert _truth(answer).known == {}
    assert _truth(question, replace(answer, packet=replace(answer.packet, time=11 * SECOND))).known == {}


def test_a_client_that_repeats_the_last_answer_is_still_the_client() -> None:
    """The next NTP request, which has the time of the last answer in it, comes too late to look like one."""
    times = [(0, 5, False), (5, 6, True), (6, 7, False), (7, 8, True)]
    seen = [
        _datagram(64 * (place // 2) + 0.1 * place, _ntp(*pair), back=back, ports=(123, 123))
        for place, (*pair, back) in enumerate(times)
    ]

    assert list(_truth(*seen).known.values()) == [Known(1, "echo")]


def test_both_ends_that_ask_are_set_apart() -> None:
    """A flow in which both ends asked and were answered has no client."""
    other = (b"\x99" + QUESTION[1:], b"\x99" + ANSWER[1:])
    ways = [(QUESTION, False), (ANSWER, True), (other[0], True), (other[1], False)]
    seen = [_datagram(place, payload, back=back, ports=(53, 53)) for place, (payload, back) in enumerate(ways)]

    assert _truth(*seen).apart == {"both ends open or ask": 1}


def test_who_speaks_first_is_the_client_if_the_flow_began_after_the_capture() -> None:
    """The first to speak is the client, unless the flow may have begun before the capture."""
    first, answer = _datagram(2), _datagram(2.1, back=True)

    assert _truth(BEGIN, first, answer).known[first.flow] == Known(1, "first")
    assert _truth(first, answer).apart["perhaps begun before the capture"] == 1
    assert _truth(BEGIN, first, answer, _datagram(5)).apart["perhaps begun before the capture"] == 1
    assert _truth(BEGIN, first).apart["no answer"] == 2


def test_peers_are_set_apart() -> None:
    """An end that speaks first here and is spoken to first there is a peer: its flows have no truth."""
    here = [_datagram(2), _datagram(2.1, back=True)]
    there = [_datagram(2, back=True, ports=(5000, 7000)), _datagram(2.1, ports=(5000, 7000))]

    assert _truth(BEGIN, *here).known
    assert _truth(BEGIN, *here, *there).apart["peers"] == 2


def test_a_tftp_request_says_who_is_the_client_of_the_data() -> None:
    """The data come from a new port; the end that asked for the file is the client."""
    request = _datagram(0, b"\0\1boot\0octet\0", ports=(2000, 69))
    data = _datagram(0.1, b"\0\3\0\1", back=True, ports=(2000, 3000))

    assert _truth(request, data).known[data.flow] == Known(1, "request")


def test_groups_are_set_apart() -> None:
    """With a multicast or broadcast address the service is the group by definition, which is no measurement."""
    group = _seen(Packet(0, ONE, 5353, IPv4Address("224.0.0.251"), 5353, UDP))

    assert _truth(group).apart == {"group: right by definition": 1}


MANY = Recording(
    "many",
    [
        each
        for port in range(100)
        for each in (_segment(SYN, 7, port=port), _segment(SYN_ACK, 7, back=True, port=port), _segment(ACK, port=port))
    ],
)


def test_openings_are_hidden_for_whole_flows_the_same_ones_every_time() -> None:
    """For about half of the flows both openings are hidden, and all payload is shown."""
    shown = list(openings_hidden(0.5, seed=1)(MANY, Truth()))
    openings = [each.flow for each in shown if each.packet.opens]

    assert shown == list(openings_hidden(0.5, seed=1)(MANY, Truth()))
    assert shown != list(openings_hidden(0.5, seed=2)(MANY, Truth()))
    assert all(openings.count(flow) == 2 for flow in openings)
    assert 60 < len(openings) < 140
    assert sum(each.packet.is_payload for each in shown) == 100
    assert not any(each.packet.opens for each in openings_hidden(1.0, 0)(MANY, Truth()))


def test_one_end_receives_only_what_the_other_sent() -> None:
    """A client receives what the service sent, and the service what the client sent."""
    truth = attribution_truth.find(MANY)

    at_client, at_service = (list(received_at(end, 0.0)(MANY, truth)) for end in ("client", "service"))

    assert {each.packet.src for each in at_client} == {TWO}
    assert {each.packet.src for each in at_service} == {ONE}
    assert len(at_client) + len(at_service) == len(MANY.seen)


def test_the_middle_is_the_middle_packet() -> None:
    """Half of the packets are shown, the later ones."""
    assert from_the_middle(MANY, Truth()) == MANY.seen[150:]


def _judged(service: int | None, rung: Rung = Rung.LISTED, capture: str = "a", port: int = 1) -> Judged:
    flow = Flow.between(End(ONE, TCP, port), End(TWO, TCP, 443))
    return Judged(capture, flow, 1, "opening", Verdict(service, rung), Verdict(1, rung))


def test_a_tie_counts_one_half() -> None:
    """Right, wrong and undecided are counted, and captures weigh alike in their mean."""
    score = Score.of([_judged(1), _judged(0), _judged(None), _judged(1), _judged(1, capture="b", port=2)])

    assert (score.flows, score.captures, score.conversations) == (5, 2, 1)
    assert (score.right, score.wrong, score.undecided) == (3, 1, 1)
    assert (score.by_flow, score.by_capture) == (70.0, 81.25)
    assert score.final == 60.0


def test_each_rung_has_its_own_score() -> None:
    """A rung is scored by the flows that it decided, the strongest first."""
    scores = by_rung([_judged(1, Rung.GUESSED), _judged(0, Rung.GUESSED), _judged(1, Rung.KNOWN)])

    assert [(rung, score.by_flow) for rung, score in scores.items()] == [(Rung.KNOWN, 100.0), (Rung.GUESSED, 50.0)]


def test_the_ladder_is_right_about_every_opening_it_sees_in_shipped_captures() -> None:
    """With everything seen, no TCP verdict about shipped captures is wrong, and the lower port's are."""
    known = []
    for path in attribution_captures.captures([SHIPPED_CAPTURES]):
        recording = attribution_captures.read(path)
        known.append((recording, attribution_truth.find(recording)))

    ladder, lower = (judge_all(known, everything, partial(reference, rungs)) for rungs in (Rung, ()))
    tcp = [[each.points for each in judged if each.flow.protocol == TCP] for judged in (ladder, lower)]

    assert set(tcp[0]) == {1.0}
    assert 0.0 in tcp[1]
    assert sum(tcp[0]) == len(tcp[1]) > 100


def test_copies_and_fuzzed_captures_are_left_out(tmp_path: Path) -> None:
    """A file with the content of another counts once, and names that fuzzers gave are not read."""
    for name in ("a.pcap", "copy.pcap", "my-fuzz-1.pcap"):
        (tmp_path / name).write_bytes(b"same")

    assert [path.name for path in attribution_captures.captures([tmp_path])] == ["a.pcap"]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.attribution", *arguments]
    environment = {"PYTHONPATH": "tests", "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


CAPTURE = str(SHIPPED_CAPTURES / "zeek-ftp-ipv4.pcap")


def test_the_figures_are_printed_as_json() -> None:
    """`--json` has every setting with every seed, and the rungs one after the other."""
    printed = json.loads(_run(CAPTURE, "--seeds", "2", "--json").stdout)

    half = next(each for each in printed["results"] if each["setting"] == "openings hidden for half")
    assert [score["flows"] for score in half["seeds"]] == [5, 5]
    assert [row["rung"] for row in printed["in_order"]] == [name for name, _ in ORDER]


def test_the_figures_are_printed_as_tables() -> None:
    """Without it, the settings, the rungs and the rule about ports have a table each."""
    printed = _run(CAPTURE, "--seeds", "1").stdout

    assert all(words in printed for words in ("all openings hidden", "+ rung, in order", "LowerPort(SRC) alone"))


def test_the_columns_are_measured_as_the_plain_ladder_is() -> None:
    """`--judge columns` gives the same figures for the same capture."""
    plain, columns = (_run(CAPTURE, "--seeds", "2", "--json", "--judge", judge) for judge in attribution.JUDGES)

    assert json.loads(columns.stdout) == json.loads(plain.stdout)
