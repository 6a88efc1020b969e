"""The pipeline: outcomes packet by packet, tunnels, and a ledger that always sums."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.attribution.evidence.evidence import Evidence
from shodohflo.attribution.pipeline import BLOCK, Pipeline, Watched
from shodohflo.attribution.policy import Connection, IgnoredFlow, Policy
from shodohflo.columns.corrections import correct
from shodohflo.columns.merging import merge
from shodohflo.columns.own_ends import OwnEnds, OwnEndsTable, OwnSpace
from shodohflo.model import TCP, End, Kind
from shodohflo.pcap_config import (
    DST,
    SRC,
    Assign,
    FlowMapping,
    LowerPort,
    MappingAction,
    NetworkEnumeration,
    Observed,
    PortMatch,
)
from shodohflo.rules.compiler import CompiledRules
from shodohflo.wire.tunnels import UDP_TUNNELS
from support.packets import ACK, RST, SYN, ethernet, frames_of, ip, tcp, udp, unreachable

if TYPE_CHECKING:
    from shodohflo.columns.frames import Frames
    from shodohflo.model import Address

OURS = ip_network("192.168.0.0/16")
OURS6 = ip_network("fd00::/8")
US, ALSO_US, THEM, NOWHERE = "192.168.0.1", "192.168.0.2", "8.8.8.8", "224.0.0.1"
US6, THEM6 = "fd00::1", "2001:db8::1"
FIN = 0x01

NETWORKS = NetworkEnumeration(("ours", OURS, OURS6), ("multicast",), ("far", "8.0.0.0/8", "2001:db8::/32"))
RULES = FlowMapping(
    ("far", "ours", Assign(DST, SRC, {53}, drop=True)),
    (None, "ours", LowerPort(SRC)),
    ("ours", None, LowerPort(DST)),
)


def pipeline(mapping: FlowMapping = RULES, **policy: Any) -> Pipeline:  # noqa: ANN401 - the fields of a Policy
    """Return a pipeline with our two networks."""
    return Pipeline(CompiledRules(NETWORKS, mapping), Policy(**{"our_nets": (OURS, OURS6), **policy}))


def outcome(packet: bytes, **policy: Any) -> str:  # noqa: ANN401 - the fields of a Policy
    """Return the outcome of the only packet."""
    one = pipeline(**policy)
    one.ingest(frames_of(packet))
    ((name, count),) = one.settle().outcomes.items()
    assert count == one.settle().received == 1
    return str(name)


def recorded(one: Pipeline) -> list[tuple[int, str, str, int, int, int]]:
    """Return the observations as (kind, client, remote, client port, port, packets)."""
    seen = one.take()
    return sorted(
        zip(
            seen.kind.tolist(),
            seen.client.texts(),
            seen.remote.texts(),
            seen.client_port.tolist(),
            seen.port.tolist(),
            seen.packets.tolist(),
            strict=True,
        )
    )


OUTCOMES = {
    "a segment from us": (ip(tcp(40000, 443), 6, US, THEM), "recorded.flow"),
    "a segment to us": (ip(tcp(443, 40000), 6, THEM, US), "recorded.flow"),
    "a segment over IPv6": (ip(tcp(443, 40000), 6, THEM6, US6), "recorded.flow"),
    "a datagram": (ip(udp(), 17, US, THEM), "recorded.flow"),
    "between our own": (ip(udp(), 17, US, ALSO_US), "recorded.flow"),
    "an answer of DNS from far": (ip(udp(53, 40000), 17, THEM, US), "dropped.FLOW_MAPPING[0]"),
    "a SYN": (ip(tcp(flags=SYN), 6, US, THEM), "handshake"),
    "a SYN-ACK": (ip(tcp(flags=SYN | ACK), 6, THEM, US), "handshake"),
    "a FIN": (ip(tcp(flags=FIN | ACK), 6, THEM, US), "handshake"),
    "a reset to us": (ip(tcp(flags=RST), 6, THEM, US), "recorded.rst"),
    "a reset to us with SYN": (ip(tcp(flags=RST | SYN), 6, THEM, US), "recorded.rst"),
    "a reset between our own": (ip(tcp(flags=RST), 6, US, ALSO_US), "recorded.rst"),
    "a reset from an unknown network": (ip(tcp(flags=RST), 6, NOWHERE, US), "recorded.rst"),
    "a reset from a dropped port": (ip(tcp(53, 9, flags=RST), 6, THEM, US), "recorded.rst"),
    "a reset to them": (ip(tcp(flags=RST), 6, US, THEM), "rst_elsewhere"),
    "an address in no network": (ip(udp(), 17, US, NOWHERE), "unmatched.no_network"),
    "no rule": (ip(udp(), 17, THEM, "8.8.4.4"), "unmatched.no_rule"),
    "an unreachable to us": (ip(unreachable(ip(udp(), 17)), 1, THEM, US), "recorded.icmp"),
    "an unreachable to them": (ip(unreachable(ip(udp(), 17)), 1, US, THEM), "icmp_other"),
    "an unreachable about ICMP": (ip(unreachable(ip(bytes(8), 1)), 1, THEM, US), "icmp_other"),
    "a cut quote to us": (ip(unreachable(ip(udp(), 17)[:23]), 1, THEM, US), "refused.quote_cut"),
    "a quoted fragment": (ip(unreachable(ip(udp(), 17, fragment=1)), 1, THEM, US), "refused.quote_fragment"),
    "a malformed quote": (ip(unreachable(bytes(40)), 1, THEM, US), "refused.quote_malformed"),
    "a cut quote to them": (ip(unreachable(ip(udp(), 17)[:23]), 1, US, THEM), "icmp_other"),
    "an echo": (ip(unreachable(b"", kind=8), 1, THEM, US), "icmp_other"),
    "SCTP": (ip(bytes(20), 132), "refused.protocol"),
}


@pytest.mark.parametrize(("packet", "expected"), OUTCOMES.values(), ids=OUTCOMES)
def test_every_packet_has_its_outcome(packet: bytes, expected: str) -> None:
    """Each kind of packet has its outcome when it is alone."""
    assert outcome(packet) == expected


SUPPRESSED = {
    "a segment": (ip(tcp(), 6, US, ALSO_US), "own_network"),
    "a SYN": (ip(tcp(flags=SYN), 6, US, ALSO_US), "own_network"),
    "an echo": (ip(unreachable(b"", kind=8), 1, US, ALSO_US), "own_network"),
    "a reset": (ip(tcp(flags=RST), 6, US, ALSO_US), "recorded.rst"),
    "an unreachable": (ip(unreachable(ip(udp(), 17)), 1, US, ALSO_US), "recorded.icmp"),
    "a segment from outside": (ip(tcp(), 6, THEM, US), "recorded.flow"),
}


@pytest.mark.parametrize(("packet", "expected"), SUPPRESSED.values(), ids=SUPPRESSED)
def test_our_own_network_is_suppressed_where_that_is_set(packet: bytes, expected: str) -> None:
    """With SUPPRESS_OWN_NETWORK, resets and unreachables are still recorded."""
    assert outcome(packet, suppress_own_network=True) == expected


def test_both_directions_of_a_flow_are_one() -> None:
    """Both directions have the same key; they stay separate rows by their deciding rule."""
    one = pipeline()

    one.ingest(frames_of(*[ip(tcp(40000, 443), 6, US, THEM)] * 2, ip(tcp(443, 40001), 6, THEM, US)))

    seen = one.take()
    assert seen.client.texts() == [US, US]
    assert seen.remote.texts() == [THEM, THEM]
    assert dict(zip(seen.rule.tolist(), seen.packets.tolist(), strict=True)) == {1: 1, 2: 2}
    assert len(one.take()) == 0


def test_a_reset_is_recorded_under_who_received_it() -> None:
    """The key has our port first, then theirs."""
    one = pipeline()

    one.ingest(frames_of(ip(tcp(22, 50000, RST), 6, THEM, US)))

    assert recorded(one) == [(Kind.RESET, US, THEM, 50000, 22, 1)]


def test_an_unreachable_is_recorded_under_who_is_told_of_whom() -> None:
    """The key has the quoted destination and the code, not the router that sent the message."""
    one = pipeline()

    one.ingest(frames_of(ip(unreachable(ip(udp(9, 10), 17, US6, "2001:db8::9"), 4, 1), 58, THEM6, US6)))

    seen = one.take()
    assert (seen.client.texts(), seen.remote.texts()) == ([US6], ["2001:db8::9"])
    assert (seen.client_port.tolist(), seen.port.tolist(), seen.code.tolist()) == ([9], [10], [4])


IGNORED = (IgnoredFlow(ip_network("8.8.8.0/24"), 443), IgnoredFlow(ip_network("2001:db8::1/128"), 53))


@pytest.mark.parametrize(
    ("packet", "kind"),
    [
        (ip(tcp(40000, 443), 6, US, THEM), Kind.FLOW_IGNORED),
        (ip(tcp(443, 40000), 6, THEM, US), Kind.FLOW_IGNORED),
        (ip(tcp(40000, 444), 6, US, THEM), Kind.FLOW),
        (ip(tcp(443, 40000), 6, US, THEM), Kind.FLOW),
        (ip(udp(40000, 53), 17, US6, THEM6), Kind.FLOW_IGNORED),
        (ip(udp(40000, 53), 17, US6, "2001:db8::2"), Kind.FLOW),
    ],
)
def test_an_ignored_end_hides_the_flow_only(packet: bytes, kind: Kind) -> None:
    """IGNORE_FLOW changes the kind, and peers and client are still recorded."""
    one = pipeline(ignored=IGNORED)

    one.ingest(frames_of(packet))

    assert one.take().kind.tolist() == [kind]


@pytest.mark.parametrize(("near", "far"), [(US, THEM), (US6, THEM6)])
def test_the_agents_own_connections_are_left_out(near: str, far: str) -> None:
    """Both directions and the resets of the connection are left out, and nothing else is."""
    own = frozenset({Connection(ip_address(near), 50000, ip_address(far), 6379)})
    one = pipeline(own_connections=own)

    one.ingest(
        frames_of(
            ip(tcp(50000, 6379), 6, near, far),
            ip(tcp(6379, 50000), 6, far, near),
            ip(tcp(6379, 50000, RST), 6, far, near),
            ip(tcp(50001, 6379), 6, near, far),
            ip(udp(50000, 6379), 17, near, far),
        )
    )

    assert one.settle().outcomes == {"own_traffic": 3, "recorded.flow": 2}


def test_rules_and_policy_may_be_replaced_between_frames() -> None:
    """Packets ingested before a change are decided by the former rules and policy."""
    one = pipeline()
    one.ingest(frames_of(ip(udp(), 17, US, THEM)))

    one.rules = CompiledRules(NETWORKS, FlowMapping((None, None, Assign(SRC, DST, None, drop=True))))
    one.policy = replace(one.policy, suppress_own_network=True)
    one.ingest(frames_of(ip(udp(), 17, US, THEM), ip(udp(), 17, US, ALSO_US)))

    assert one.settle().outcomes == {"recorded.flow": 1, "dropped.FLOW_MAPPING[0]": 1, "own_network": 1}


class Elsewhere(MappingAction):
    """A custom action that names two fixed addresses as the ends."""

    def match(
        self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int
    ) -> tuple[Address, Address, int] | None:
        """Return a client and a service of different address families."""
        del src_addr, dst_addr, dst_port
        return (ip_address("10.0.0.1"), ip_address("2001:db8::5"), 7) if src_port == 1 else None


def test_an_operators_own_action_may_name_any_address() -> None:
    """A custom action may name addresses of the other family, among rows of built-in actions."""
    one = pipeline(FlowMapping((None, None, Elsewhere()), (None, None, LowerPort())))

    one.ingest(frames_of(ip(udp(1, 9), 17, US, THEM), ip(udp(50000, 9), 17, US, THEM), ip(udp(1, 8), 17, US, THEM)))

    assert recorded(one) == [(Kind.FLOW, "10.0.0.1", "2001:db8::5", 0, 7, 2), (Kind.FLOW, US, THEM, 0, 9, 1)]


def test_unmatched_packets_are_counted_by_network_pair() -> None:
    """Unmatched packets are counted by the ids of both networks."""
    one = pipeline()

    one.ingest(frames_of(*[ip(udp(), 17, THEM, "8.8.4.4")] * 2, ip(udp(), 17, US, NOWHERE)))

    far, ours = NETWORKS.network_id["far"], NETWORKS.network_id["ours"]
    assert one.settle().unmatched == {(far, far): 2, (ours, 0): 1}


def test_more_frames_than_a_block_are_taken_in_order() -> None:
    """Splitting frames into blocks changes neither counts nor times."""
    one = pipeline()
    frames = frames_of(*[ip(udp(), 17, US, THEM)] * (2 * BLOCK + 1))

    one.ingest(frames)

    seen = one.take()
    assert seen.packets.tolist() == [2 * BLOCK + 1]
    assert (seen.first.tolist(), seen.last.tolist()) == ([0], [2 * BLOCK * 1_000_000_000])


@given(st.lists(st.sampled_from([packet for packet, _ in OUTCOMES.values()]) | st.binary(max_size=60), max_size=40))
def test_the_ledger_sums_and_columns_decide_as_single_packets_do(packets: list[bytes]) -> None:
    """Every packet has the same single outcome whether it is ingested alone or with others."""
    together, alone = pipeline(), pipeline()

    together.ingest(frames_of(*packets))
    for packet in packets:
        alone.ingest(frames_of(packet))

    assert together.settle().received == together.settle().outcomes.total() == len(packets)
    assert together.settle() == alone.settle()
    assert recorded(together) == recorded(alone)


TUNNELS = frozenset(UDP_TUNNELS)
INNER = ip(tcp(40000, 443), 6, "192.168.9.1", "8.9.9.9")
IN_VXLAN = ip(udp(50000, 4789, b"\x08" + bytes(7) + ethernet(INNER)), 17, US, THEM)


def test_a_tunnel_over_udp_is_a_udp_flow_where_nobody_names_it() -> None:
    """Without TUNNELS, a packet on a tunnel's port is only a UDP flow."""
    one = pipeline()

    one.ingest(frames_of(IN_VXLAN))

    assert recorded(one) == [(Kind.FLOW, US, THEM, 0, 4789, 1)]
    assert one.settle().as_dict() == {"received": 1, "kernel_dropped": 0, "outcomes": {"recorded.flow": 1}}


def test_a_named_tunnel_is_recorded_and_so_is_what_is_inside() -> None:
    """The packet counts once as received; the tunnel and its inside have counters of their own."""
    one = pipeline(tunnels=TUNNELS)

    one.ingest(frames_of(*[IN_VXLAN] * 3, ip(udp(), 17, US, THEM)))

    assert recorded(one) == [
        (Kind.FLOW, US, THEM, 0, 53, 1),
        (Kind.FLOW, US, THEM, 0, 4789, 3),
        (Kind.FLOW, "192.168.9.1", "8.9.9.9", 0, 443, 3),
    ]
    assert one.settle().as_dict() == {
        "received": 4,
        "kernel_dropped": 0,
        "outcomes": {"recorded.flow": 4},
        "opened": {"vxlan": 3},
        "inside": {"recorded.flow": 3},
    }


def test_what_is_inside_goes_through_the_same_order_of_decisions() -> None:
    """Packets inside a tunnel get the same outcomes as others."""
    insides = [
        ip(tcp(22, 50000, RST), 6, THEM, US),
        ip(udp(53, 40000), 17, THEM, US),
        ip(unreachable(ip(udp(9, 10), 17, US, THEM)), 1, "8.8.4.4", US),
        ip(bytes(20), 132),
    ]
    one = pipeline(tunnels=TUNNELS)

    one.ingest(frames_of(*(ip(udp(9, 2152, gtpu(inside)), 17, US, THEM) for inside in insides)))

    assert one.settle().outcomes == {"recorded.flow": 4}
    assert one.settle().inside == {
        "recorded.rst": 1,
        "dropped.FLOW_MAPPING[0]": 1,
        "recorded.icmp": 1,
        "refused.protocol": 1,
    }


def test_a_tunnel_in_a_dropped_packet_is_looked_into_all_the_same() -> None:
    """A rule that drops the outer packet does not affect the packet inside."""
    mapping = FlowMapping((None, None, PortMatch({4789}, drop=True)), (None, None, LowerPort()))
    one = pipeline(mapping, tunnels=TUNNELS)

    one.ingest(frames_of(IN_VXLAN))

    assert one.settle().outcomes == {"dropped.FLOW_MAPPING[0]": 1}
    assert one.settle().inside == {"recorded.flow": 1}


def test_tunnels_without_ports_are_opened_and_counted_once() -> None:
    """For GRE, IP in IP and 6in4 only the inner packet counts, and `opened` counts the tunnels."""
    one = pipeline()
    inner6 = ip(udp(), 17, US6, THEM6)

    one.ingest(frames_of(ip(INNER, 4), ip(inner6, 41), ip(b"\0\0\x08\0" + INNER, 47), ip(ip(INNER, 4), 4)))

    assert recorded(one) == [
        (Kind.FLOW, "192.168.9.1", "8.9.9.9", 0, 443, 3),
        (Kind.FLOW, US6, THEM6, 0, 53, 1),
    ]
    assert one.settle().as_dict() == {
        "received": 4,
        "kernel_dropped": 0,
        "outcomes": {"recorded.flow": 4},
        "opened": {"6in4": 1, "gre": 1, "ipip": 3},
    }


@given(st.lists(st.sampled_from([packet for packet, _ in OUTCOMES.values()]), min_size=1, max_size=20))
def test_the_inside_of_tunnels_sums_too(insides: list[bytes]) -> None:
    """There are as many outcomes inside as opened tunnels, the same as without a tunnel."""
    outside, inside = pipeline(), pipeline(tunnels=TUNNELS)

    outside.ingest(frames_of(*insides))
    inside.ingest(frames_of(*(ip(udp(9, 2152, gtpu(packet)), 17, US, THEM) for packet in insides)))

    assert inside.settle().inside == outside.settle().outcomes
    assert inside.settle().inside.total() == inside.settle().opened.total() == len(insides)
    assert inside.settle().outcomes == {"recorded.flow": len(insides)}


def gtpu(payload: bytes) -> bytes:
    """Return a packet in GTP-U."""
    return b"\x30\xff" + len(payload).to_bytes(2, "big") + bytes(4) + payload


def test_a_watcher_is_told_of_every_decision_and_what_was_in_a_tunnel() -> None:
    """The rows of each are those that were counted; ICMP messages are not told."""
    one = pipeline(tunnels=frozenset({"gtpu"}))
    told: list[Watched] = []
    one.watcher = told.append
    inner = ip(udp(53, 40000), 17, THEM, US)

    one.ingest(frames_of(ip(udp(9, 2152, gtpu(inner)), 17, US, THEM), ip(unreachable(inner), 1, THEM, US)))
    one.settle()

    assert [(each.is_inside, int(each.rows.packets.sum())) for each in told] == [(False, 1), (True, 1)]
    assert [each.decisions.outcome(0) for each in told] == ["recorded.flow", "dropped.FLOW_MAPPING[0]"]


SERVICE_PORT, CLIENT_PORT = 54321, 40000
"""A service above its client's port: the lower port takes it for the client."""
OBSERVED = FlowMapping((None, None, Observed(LowerPort(SRC))))
PAIRS = [(US, THEM), (US6, THEM6)]


def observing(mapping: FlowMapping = OBSERVED, **policy: Any) -> Pipeline:  # noqa: ANN401 - the fields of a Policy
    """Return a pipeline with evidence."""
    one = pipeline(mapping, **policy)
    one.evidence = Evidence(our_nets=(OURS, OURS6))
    return one


def asks(service: str, client: str, flags: int = ACK, number: int = 0) -> bytes:
    """Return a segment to the service."""
    return ip(tcp(CLIENT_PORT, SERVICE_PORT, flags, numbers=(number, 0)), 6, client, service)


def answers(service: str, client: str, flags: int = ACK, number: int = 0) -> bytes:
    """Return a segment of the service; `number` is the sequence number that a SYN-ACK acknowledges."""
    return ip(tcp(SERVICE_PORT, CLIENT_PORT, flags, numbers=(0, number + 1)), 6, service, client)


def opening(service: str, client: str) -> list[bytes]:
    """Return a SYN and the SYN-ACK that answers it."""
    return [asks(service, client, SYN, 7), answers(service, client, SYN | ACK, 7)]


def later(frames: Frames, seconds: int) -> Frames:
    """Return `frames` so many seconds later."""
    return replace(frames, time=frames.time + seconds * 10**9)


@pytest.mark.parametrize(("service", "client"), PAIRS)
def test_a_handshake_decides_before_the_port_and_is_no_flow_itself(service: str, client: str) -> None:
    """In the batch that has it; the first verdict is right at once, and nothing is to be corrected."""
    one = observing()

    one.ingest(frames_of(*opening(service, client), asks(service, client), answers(service, client)))

    assert recorded(one) == [(Kind.FLOW, client, service, 0, SERVICE_PORT, 2)]
    assert not len(one.take_corrections())
    assert one.settle().outcomes == {"handshake": 2, "recorded.flow": 2}


def test_both_families_of_a_batch_are_decided_by_their_own_evidence() -> None:
    """Ends of one are no ends of the other."""
    one = observing()

    one.ingest(frames_of(*opening(US, THEM), *(packet(*pair) for pair in PAIRS for packet in (asks, answers))))

    assert recorded(one) == [
        (Kind.FLOW, THEM, US, 0, SERVICE_PORT, 2),
        (Kind.FLOW, US6, THEM6, 0, CLIENT_PORT, 2),
    ]


def test_segments_that_open_or_close_give_a_flow_no_verdict() -> None:
    """It begins with the first payload, by what its openings said before."""
    one = observing()
    one.ingest(frames_of(*opening(US, THEM), asks(US, THEM, FIN | ACK)))
    assert one.settle().outcomes == {"handshake": 3}

    one.ingest(later(frames_of(answers(US, THEM)), 5))

    assert recorded(one) == [(Kind.FLOW, THEM, US, 0, SERVICE_PORT, 1)]


@pytest.mark.parametrize(("service", "client"), PAIRS)
@pytest.mark.parametrize(
    ("ignored", "kind"), [((), Kind.FLOW), ((IgnoredFlow(OURS, CLIENT_PORT), IgnoredFlow(OURS6, CLIENT_PORT)), None)]
)
def test_what_was_recorded_by_a_guess_is_corrected(
    service: str, client: str, ignored: tuple[IgnoredFlow, ...], kind: Kind | None
) -> None:
    """A flow that IGNORE_FLOW hides as well: only its client was counted. Observations and corrections add up."""
    one = observing(ignored=ignored if kind is None else ())
    ends = (service, client) if kind is not None else (client, service)
    one.ingest(frames_of(asks(*ends), answers(*ends)))
    guessed = one.take()
    one.ingest(later(frames_of(*opening(*ends), asks(*ends)), 10))
    merged = merge([guessed, one.take()])
    corrections = one.take_corrections()

    expected = Kind.FLOW_IGNORED if kind is None else Kind.FLOW
    assert (corrections.kind.tolist(), corrections.packets.tolist()) == ([expected], [2])
    right = correct(merged, corrections)
    assert (right.kind.tolist(), right.client.texts(), right.remote.texts()) == ([expected], [ends[1]], [ends[0]])
    assert (right.port.tolist(), right.packets.tolist()) == ([SERVICE_PORT], [3])


def test_directions_with_different_rules_keep_to_their_own() -> None:
    """Evidence decides, and corrects, what the rule with Observed recorded; the other rule stands."""
    mapping = FlowMapping((None, "ours", LowerPort(SRC)), ("ours", None, Observed(LowerPort(DST))))
    one = observing(mapping)
    one.ingest(frames_of(asks(US, THEM), answers(US, THEM)))
    guessed = one.take()
    one.ingest(later(frames_of(*opening(US, THEM), asks(US, THEM), answers(US, THEM)), 10))
    right = correct(merge([guessed, one.take()]), one.take_corrections())

    by_port = right.port == CLIENT_PORT
    assert (right.client.keep(by_port).texts(), right.packets[by_port].tolist()) == ([US], [2])
    assert (right.client.keep(~by_port).texts(), right.packets[~by_port].tolist()) == ([THEM], [2])
    assert one.grades.contradicted == {0: 1}


def test_rules_may_be_replaced_in_the_middle_of_a_flow() -> None:
    """What is remembered stays, and what was recorded by a guess under the rules before is corrected under the new."""
    one = observing()
    one.ingest(frames_of(asks(US, THEM), answers(US, THEM)))
    guessed = one.take()
    never = (None, None, Assign(SRC, DST, {1}))
    one.rules = CompiledRules(NETWORKS, FlowMapping(never, (None, None, Observed())))
    one.ingest(later(frames_of(*opening(US, THEM), asks(US, THEM)), 10))
    right, corrections = one.take(), one.take_corrections()

    assert (corrections.rule.tolist(), corrections.packets.tolist()) == ([1], [2])
    assert correct(merge([guessed, right]), corrections).client.texts() == [THEM]


def test_rules_without_observed_record_as_ever() -> None:
    """And evidence that is kept all the same corrects nothing of theirs."""
    one, blind = observing(RULES), pipeline(RULES)
    for each in (one, blind):
        each.ingest(frames_of(asks(US, THEM), *opening(US, THEM), asks(US, THEM), answers(US, THEM)))

    assert recorded(one) == recorded(blind)
    assert not len(one.take_corrections())
    assert one.grades.contradicted == {1: 1}


def test_sockets_of_this_host_have_no_packets_in_tunnels() -> None:
    """A network in there may have the same addresses for other hosts."""
    one = observing(FlowMapping((None, None, Observed())), tunnels=TUNNELS)
    assert one.evidence
    listening = OwnSpace.of([ip_address(US)], [End(ip_address(US), TCP, SERVICE_PORT)], [])
    one.evidence.own_ends = OwnEndsTable.compile(OwnEnds((listening,)))
    inside = asks(US, THEM)
    tunnel = ip(udp(50000, 4789, b"\x08" + bytes(7) + ethernet(inside)), 17, US, THEM)

    one.ingest(frames_of(tunnel, tunnel))
    guessed = [row for row in recorded(one) if row[4] != 4789]
    one.ingest(later(frames_of(inside), 2))

    assert guessed == [(Kind.FLOW, US, THEM, 0, CLIENT_PORT, 2)]
    assert recorded(one) == [(Kind.FLOW, THEM, US, 0, SERVICE_PORT, 1)]


def test_clocks_that_go_back_lose_no_packet() -> None:
    """What is remembered was seen in the future then, and counts."""
    one = observing()
    one.ingest(later(frames_of(*opening(US, THEM), asks(US, THEM)), 7200))
    one.ingest(frames_of(answers(US, THEM), asks(US, THEM)))

    assert recorded(one) == [(Kind.FLOW, THEM, US, 0, SERVICE_PORT, 3)]
    assert not len(one.take_corrections())
