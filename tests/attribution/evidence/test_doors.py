"""Doors: what a pipeline's batches show of knocks depends on what is remembered of their flows."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

import pytest

from shodohflo.attribution.evidence.evidence import Evidence
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.attribution.policy import Policy
from shodohflo.model import TCP, UDP, Knock
from shodohflo.pcap_config import SRC, FlowMapping, LowerPort, NetworkEnumeration, Observed
from shodohflo.rules.compiler import CompiledRules
from support.observing import SECOND
from support.packets import ACK, RST, SYN, frames_of, ip, tcp, udp, unreachable

OUR_NETS: Final = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
OURS: Final = {4: "10.0.0.5", 6: "fd00::5"}
THEM: Final = {4: "203.0.113.9", 6: "2001:db8::9"}
PORT, THEIRS = 22, 40_000
"""Of our end, and of the outsider."""

LATER: Final = 3_600 * SECOND
"""After all packets of a test."""

RULES: Final = FlowMapping((None, None, Observed(otherwise=LowerPort(SRC))))

versions = pytest.mark.parametrize("version", [4, 6])
split = pytest.mark.parametrize("is_split", [False, True], ids=["one batch", "a batch for each packet"])


def ours(version: int, payload: bytes, protocol: int = TCP) -> bytes:
    """Return a packet that our end sends to the outsider."""
    return ip(payload, protocol, OURS[version], THEM[version])


def theirs(version: int, payload: bytes, protocol: int = TCP) -> bytes:
    """Return a packet that the outsider sends to our end."""
    return ip(payload, protocol, THEM[version], OURS[version])


def told(version: int, about: bytes) -> bytes:
    """Return the message of our host to the outsider that `about` did not reach its port."""
    kind, code, protocol = (3, 3, 1) if version == 4 else (1, 4, 58)
    return ours(version, unreachable(about, code=code, kind=kind), protocol)


def knocks(*packets: bytes, is_split: bool = False) -> list[Knock]:
    """Return what a pipeline's evidence knows of knocks after `packets`, one second apart."""
    evidence = Evidence(2**20, OUR_NETS)
    mapping = CompiledRules(NetworkEnumeration(("all", "0.0.0.0/0", "::/0")), RULES)
    pipeline = Pipeline(mapping, Policy(our_nets=OUR_NETS), evidence)
    frames = frames_of(*packets)
    for number in range(len(packets)):
        pipeline.ingest(frames[number : number + 1])
        if is_split:
            pipeline.settle()
    pipeline.settle()
    return evidence.knocks.take(LATER)


@split
@versions
def test_a_door_that_is_closed_or_that_nobody_opens(version: int, *, is_split: bool) -> None:
    """A reset of ours refuses the SYN before it, and a SYN that nothing follows is silent."""
    packets = [
        theirs(version, tcp(THEIRS, PORT, SYN, numbers=(7, 0))),
        ours(version, tcp(PORT, THEIRS, RST | ACK, numbers=(0, 8))),
        theirs(version, tcp(THEIRS + 1, PORT, SYN, numbers=(9, 0))),
    ]

    (knock,) = knocks(*packets, is_split=is_split)

    assert (knock.refused, knock.silent, knock.hosts, knock.ports) == (1, 1, 1, 1)
    assert knock.origin == ip_network(THEM[version])


@split
@versions
def test_a_reset_of_an_unknown_flow_refuses(version: int, *, is_split: bool) -> None:
    """Where no SYN was seen, a reset of ours refuses, once for each flow."""
    reset = ours(version, tcp(PORT, THEIRS, RST | ACK))

    (knock,) = knocks(reset, reset, ours(version, tcp(PORT, THEIRS + 1, RST | ACK)), is_split=is_split)

    assert (knock.refused, knock.silent, knock.ports) == (2, 0, 1)


@versions
def test_a_reset_that_ends_a_conversation_is_no_knock(version: int) -> None:
    """Payload of the flow before the reset, by either end and minutes ago, makes it a conversation."""
    reset = ours(version, tcp(PORT, THEIRS, RST | ACK))

    assert knocks(theirs(version, tcp(THEIRS, PORT, payload=b"?")), reset, is_split=True) == []
    assert knocks(ours(version, tcp(PORT, THEIRS, payload=b"!")), *[reset] * 100, is_split=True) == []


@versions
def test_a_reset_of_a_connection_that_we_open_is_no_knock(version: int) -> None:
    """Our client gives up: it opened the connection itself, so nobody knocked."""
    packets = [
        ours(version, tcp(THEIRS, 443, SYN, numbers=(7, 0))),
        theirs(version, tcp(443, THEIRS, SYN | ACK, numbers=(3, 8))),
        ours(version, tcp(THEIRS, 443, RST)),
    ]

    assert knocks(*packets, is_split=True) == []


@split
@versions
def test_a_port_that_is_told_to_be_closed(version: int, *, is_split: bool) -> None:
    """An unreachable of ours about a datagram refuses it, and so does one about a SYN."""
    datagram = theirs(version, udp(THEIRS, 161, b"?"), UDP)
    syn = theirs(version, tcp(THEIRS, PORT, SYN, numbers=(7, 0)))

    (knock,) = knocks(datagram, told(version, datagram), syn, told(version, syn), is_split=is_split)

    assert (knock.refused, knock.silent, knock.ports) == (2, 0, 2)
    assert {(end.protocol, end.port) for end in knock.targets} == {(UDP, 161), (TCP, PORT)}


@split
@versions
def test_a_late_answer_to_our_client_is_no_knock(version: int, *, is_split: bool) -> None:
    """Our client has asked and is gone when the answer comes: what its host says of that is no refusal."""
    answer = theirs(version, udp(53, 5_353, b"!"), UDP)

    assert knocks(ours(version, udp(5_353, 53, b"?"), UDP), answer, told(version, answer), is_split=is_split) == []
