"""Knocks are attempts that led to nothing: a plain list of packets, looked at one by one, is the model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.attribution.evidence import knocks as module
from shodohflo.attribution.evidence.knocks import MOST_TURNS, WINDOW, Knocks
from shodohflo.columns.batch import ACK, FIN, RST, SYN, Batch, Messages, Quote
from shodohflo.columns.merging import merge_packets
from shodohflo.model import TCP, UDP, End, Knock
from shodohflo.rules.networks import NetworkTable
from support.observing import SECOND
from support.tables import made, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family

SYN_ACK, PAYLOAD = SYN | ACK, ACK

OUR_NETS = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]
_TABLE = NetworkTable.of_prefixes(OUR_NETS)

NOW = 10_000 * SECOND
"""After everything in these tests, by more than the window."""


def is_ours(addresses: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which addresses are ours."""
    return _TABLE.find(addresses).astype(np.bool_)


@dataclass(frozen=True)
class Segment:
    """One TCP segment, or a datagram."""

    time: int
    """In ns."""
    src: tuple[str, int]
    dst: tuple[str, int]
    flags: int = SYN
    number: int = 0
    protocol: int = TCP

    @property
    def flow(self) -> frozenset[tuple[str, int]]:
        """Both ends."""
        return frozenset({self.src, self.dst})

    @property
    def comes_in(self) -> bool:
        """Whether an outsider sends it to us."""
        return not is_our(self.src[0]) and is_our(self.dst[0])

    @property
    def goes_out(self) -> bool:
        """Whether an end of ours sends it to an outsider."""
        return is_our(self.src[0]) and not is_our(self.dst[0])


def is_our(address: str) -> bool:
    """Return whether an address is ours."""
    return any(ip_address(address) in net for net in OUR_NETS)


def segment(seconds: float, src: str, dst: str, flags: int = SYN, number: int = 0) -> Segment:
    """Return a segment between `address-port` ends."""
    ends = [(address, int(port)) for address, _, port in (end.rpartition("-") for end in (src, dst))]
    return Segment(round(seconds * SECOND), ends[0], ends[1], flags, number)


def batch_of(packets: Sequence[Segment]) -> Batch:
    """Return packets of one family as a batch, unmerged."""
    family: Family = 6 if packets and ":" in packets[0].src[0] else 4

    def column(end: str) -> list[Any]:
        objects = [ip_address(getattr(packet, end)[0]) for packet in packets]
        return [each.packed if isinstance(each, IPv6Address) else int(each) for each in objects]

    times = [packet.time for packet in packets]
    return made(
        Batch,
        len(packets),
        family,
        src_addr=column("src"),
        dst_addr=column("dst"),
        src_port=[packet.src[1] for packet in packets],
        dst_port=[packet.dst[1] for packet in packets],
        protocol=[packet.protocol for packet in packets],
        # As decoded; merging leaves the significant bits, which these are, except of payload.
        tcp_flags=[0 if packet.flags == PAYLOAD else packet.flags for packet in packets],
        number=[packet.number for packet in packets],
        packets=[1] * len(packets),
        first=times,
        last=times,
    )


def take_in(knocks: Knocks, *packets: Segment, known: bool = False) -> None:
    """Let `knocks` take in packets in one batch, merged."""
    rows = merge_packets(batch_of(packets))
    knocks.take_in(rows, is_ours, np.full(len(rows), known))


def taken(knocks: Knocks, now: int = NOW) -> dict[str, Knock]:
    """Return what `knocks` has, by origin."""
    found = knocks.take(now)
    by_origin = {str(knock.origin).removesuffix("/32").removesuffix("/128"): knock for knock in found}
    assert len(by_origin) == len(found)
    return by_origin


def end(address: str, port: int, protocol: int = TCP) -> End:
    """Return an end."""
    return End(ip_address(address), protocol, port)


@dataclass
class Attempt:
    """The last attempt of a flow, as the model has it."""

    packet: Segment
    until: int
    waits: bool = True


@dataclass
class Model:
    """Knocks, packet by packet."""

    flows: dict[frozenset[tuple[str, int]], Attempt] = field(default_factory=dict)
    known: set[frozenset[tuple[str, int]]] = field(default_factory=set)
    counts: dict[str, Knock] = field(default_factory=dict)

    def take_in(self, batch: Sequence[Segment]) -> None:
        """Take in one batch, in order of time."""
        began = {
            packet.flow
            for packet in batch
            if packet.flags in {SYN, PAYLOAD} or (packet.flags == SYN_ACK and packet.goes_out)
        }
        for packet in batch:
            self.give_up(packet.time)
            self._take(packet, not_asked=packet.flow not in began | self.known)
        self.known |= {packet.flow for packet in batch if packet.flags in {SYN, SYN_ACK, PAYLOAD}}

    def _take(self, packet: Segment, *, not_asked: bool) -> None:
        attempt = self.flows.get(packet.flow)
        if packet.flags == SYN and packet.comes_in:
            if attempt is None or (packet.time > attempt.until and packet.number != attempt.packet.number):
                self.flows[packet.flow] = Attempt(packet, packet.time + WINDOW)
        elif packet.flags == PAYLOAD or (packet.flags in {SYN_ACK, RST} and packet.goes_out):
            if attempt and attempt.waits:
                attempt.waits, attempt.until = False, packet.time
                if packet.flags == RST:
                    self.count(attempt.packet, refused=1)
            elif attempt is None and packet.flags == RST and not_asked:
                request = replace(packet, src=packet.dst, dst=packet.src, number=0)
                self.flows[packet.flow] = Attempt(request, packet.time, waits=False)
                self.count(request, refused=1)

    def give_up(self, now: int) -> None:
        """Count the attempts that have waited in vain."""
        for attempt in self.flows.values():
            if attempt.waits and attempt.until < now:
                attempt.waits = False
                self.count(attempt.packet, silent=1)

    def count(self, packet: Segment, refused: int = 0, silent: int = 0) -> None:
        """Count an attempt of the sender of `packet`."""
        origin, target = ip_network(packet.src[0]), End(ip_address(packet.dst[0]), TCP, packet.dst[1])
        before = self.counts.get(packet.src[0], Knock(origin, packet.time, packet.time, 0, 0, 0, 0))
        targets = dict.fromkeys([*before.targets, target])
        self.counts[packet.src[0]] = Knock(
            origin,
            min(before.first, packet.time),
            max(before.last, packet.time),
            before.refused + refused,
            before.silent + silent,
            len({each.address for each in targets}),
            len(targets),
            tuple(targets),
        )


def unordered(knocks: dict[str, Knock]) -> dict[str, Knock]:
    """Return knocks with their targets in an order of their own."""
    return {
        origin: replace(knock, targets=tuple(sorted(knock.targets, key=lambda each: (int(each.address), each.port))))
        for origin, knock in knocks.items()
    }


ADDRESSES = {4: (["203.0.113.9", "198.51.100.7"], ["10.0.0.5", "10.0.0.6"]), 6: (["2a00::9"], ["2001:db8::5"])}


@st.composite
def histories(draw: st.DrawFn) -> list[list[Segment]]:
    """Draw batches of packets of few flows, in order of time, with every kind of segment."""
    outside, inside = ADDRESSES[draw(st.sampled_from([4, 6]))]
    time, batches = 0, []
    for _ in range(draw(st.integers(1, 6))):
        batch = []
        for _ in range(draw(st.integers(1, 8))):
            time += draw(st.sampled_from([1, SECOND // 10, SECOND, 4 * SECOND, WINDOW]))
            theirs = draw(st.sampled_from(outside)), 4000
            ours = draw(st.sampled_from(inside)), draw(st.sampled_from([22, 23]))
            src, dst = (theirs, ours) if draw(st.integers(0, 2)) else (ours, theirs)
            flags = draw(st.sampled_from([SYN, SYN, SYN, SYN_ACK, RST, PAYLOAD, FIN, SYN | FIN]))
            number = draw(st.sampled_from([1, 2])) if flags in {SYN, SYN_ACK} else 0
            batch.append(Segment(time, src, dst, flags, number))
        batches.append(batch)
    return batches


@given(histories(), st.booleans())
def test_batches_of_any_size_are_what_their_packets_are_one_by_one(history: list[list[Segment]], at_once: bool) -> None:  # noqa: FBT001 - drawn
    """However packets are divided into batches, attempts are refused, silent or answered as packet by packet."""
    batches = [[packet for batch in history for packet in batch]] if at_once else history
    model, knocks = Model(), Knocks(2_048, 512, 64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_TURNS", 100)
        for batch in batches:
            known = np.array([packet.flow in model.known for packet in batch])
            knocks.take_in(batch_of(batch), is_ours, known)
            model.take_in(batch)
    model.give_up(NOW)

    assert unordered(taken(knocks)) == unordered(model.counts)
    assert knocks.take(NOW) == []


@st.composite
def openings(draw: st.DrawFn) -> list[Segment]:
    """Draw flows that are opened once, with repeated SYNs, and then refused, accepted, used, or left alone."""
    packets = []
    for flow in range(draw(st.integers(1, 8))):
        theirs, ours = ("203.0.113.9", 4000 + flow), (f"10.0.0.{draw(st.integers(1, 3))}", draw(st.integers(1, 3)))
        begin = draw(st.integers(0, 30)) * SECOND + flow
        seconds = [0, *draw(st.lists(st.integers(1, 20), max_size=4))]
        packets += [Segment(begin + second * SECOND, theirs, ours, SYN, 7) for second in seconds]
        answer = begin + draw(st.integers(0, 12)) * SECOND + 100
        flags = draw(st.sampled_from([RST, SYN_ACK, PAYLOAD, None]))
        if flags is not None:
            packets += [Segment(answer + n * SECOND // 3, ours, theirs, flags) for n in range(draw(st.integers(1, 9)))]
    return sorted(packets, key=lambda packet: packet.time)


@given(openings(), st.integers(1, 12))
def test_merging_changes_nothing(packets: list[Segment], size: int) -> None:
    """Merged into rows with a first and a last time, packets say what they say one by one."""
    model, knocks = Model(), Knocks(2_048, 512, 64)
    for start in range(0, len(packets), size):
        take_in(knocks, *packets[start : start + size])
        model.take_in(packets[start : start + size])
    model.give_up(NOW)

    assert unordered(taken(knocks)) == unordered(model.counts)


def test_sixteen_knocks_of_an_outsider_are_one_origin_with_sixteen_ports() -> None:
    """SYNs to 16 ports of one host of ours that nothing follows: hosts 1, ports 16, silent 16."""
    knocks = Knocks()
    take_in(knocks, *(segment(port / 10, f"203.0.113.9-{5000 + port}", f"10.0.0.5-{port}") for port in range(1, 17)))

    assert taken(knocks, 2 * SECOND) == {}
    assert taken(knocks) == {
        "203.0.113.9": Knock(
            origin=ip_network("203.0.113.9"),
            first=SECOND // 10,
            last=16 * SECOND // 10,
            refused=0,
            silent=16,
            hosts=1,
            ports=16,
            targets=tuple(end("10.0.0.5", port) for port in range(1, 17)),
        )
    }


@pytest.mark.parametrize("together", [True, False])
def test_the_example_of_two_ports_is_true(together: bool) -> None:  # noqa: FBT001 - both ways
    """Port 23 refuses, port 22 is silent from the first SYN; in one batch or packet by packet."""
    theirs, knocks = "203.0.113.9", Knocks()
    packets = [
        segment(10, f"{theirs}-4000", "10.0.0.5-22", SYN, 7),
        segment(10, f"{theirs}-4001", "10.0.0.5-23", SYN, 8),
        segment(10.001, "10.0.0.5-23", f"{theirs}-4001", RST),
        segment(11, f"{theirs}-4000", "10.0.0.5-22", SYN, 7),
    ]
    for batch in [packets] if together else [[packet] for packet in packets]:
        take_in(knocks, *batch)

    before, after = taken(knocks, 20 * SECOND)[theirs], taken(knocks, 20 * SECOND + 1_000_000)[theirs]
    assert (before.refused, before.silent, before.targets) == (1, 0, (end("10.0.0.5", 23),))
    assert (after.refused, after.silent, after.hosts, after.ports) == (1, 1, 1, 2)
    assert (after.first, after.last) == (10 * SECOND, 10 * SECOND)


def test_repeated_syns_are_one_attempt_and_a_new_connection_is_another() -> None:
    """A kernel that repeats its SYN for a minute has tried once; with another number it tries again."""
    knocks = Knocks()
    for seconds in (1, 2, 4, 8, 16, 32, 64):
        take_in(knocks, segment(seconds, "203.0.113.9-4000", "10.0.0.5-22", SYN, 7))
    take_in(knocks, segment(70, "203.0.113.9-4000", "10.0.0.5-22", SYN, 8))

    assert taken(knocks)["203.0.113.9"].silent == 2


THEIRS, OURS = "203.0.113.9-4000", "10.0.0.5-22"


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("packets", "refused", "silent"),
    [
        ([(1, SYN, 1), (11, SYN_ACK, 1)], 0, 0),
        ([(1, SYN, 1), (11.000_000_001, SYN_ACK, 1)], 0, 1),
        ([(1, SYN, 1), (2, SYN, 2), (3, RST, 0)], 1, 0),
        ([(1, SYN, 1), (2, RST, 0), (3, SYN, 2), (4, RST, 0)], 2, 0),
        ([(1, SYN, 1), (2, RST, 0), (3, SYN, 1), (4, RST, 0)], 1, 0),
        ([(1, SYN, 1), (2, RST, 0), (3, SYN_ACK, 1)], 1, 0),
        ([(1, SYN, 1), (2, SYN_ACK, 1), (3, RST, 0)], 0, 0),
        ([(1, SYN, 1), (2, FIN, 0)], 0, 1),
        ([(1, SYN, 1), (12, SYN, 1), (13, SYN, 2), (14, PAYLOAD, 0)], 0, 1),
        ([(1, SYN, 1), (200, SYN, 1), (450, SYN, 1)], 0, 1),
    ],
)
def test_the_first_thing_that_follows_within_ten_seconds_decides(
    packets: list[tuple[float, int, int]],
    refused: int,
    silent: int,
    together: bool,  # noqa: FBT001 - both ways
) -> None:
    """In one batch, or in one for each packet."""
    flow = [segment(time, *(THEIRS, OURS) if flags == SYN else (OURS, THEIRS), flags, n) for time, flags, n in packets]
    knocks = Knocks()
    for batch in [flow] if together else [[packet] for packet in flow]:
        take_in(knocks, *batch)

    counts = [(knock.refused, knock.silent) for knock in taken(knocks).values()]
    assert counts == ([(refused, silent)] if refused + silent else [])


@pytest.mark.parametrize(
    ("src", "dst"),
    [("10.0.0.5-1", "203.0.113.9-2"), ("10.0.0.5-1", "10.0.0.6-2"), ("203.0.113.9-1", "198.51.100.1-2")],
)
def test_only_outsiders_that_try_our_ends_knock(src: str, dst: str) -> None:
    """Our own attempts, those between us and those between others, and resets to any of them, are no knocks."""
    knocks = Knocks()
    take_in(knocks, segment(1, src, dst, SYN, 1))
    take_in(knocks, segment(2, dst, src, RST))
    take_in(knocks, segment(3, src, dst, RST), known=True)

    assert taken(knocks) == {}


def test_a_reset_without_syn_refuses_once_unless_its_flow_is_known() -> None:
    """Where only our answers are seen, each refused flow counts once; the end of a connection does not count."""
    knocks = Knocks()
    for second in (1, 2):
        take_in(knocks, segment(second, "10.0.0.5-23", "203.0.113.9-4000", RST))
    take_in(knocks, segment(3, "10.0.0.5-24", "203.0.113.9-4000", RST), known=True)
    ours = segment(4, "10.0.0.5-40000", "198.51.100.7-443", SYN, 1)
    take_in(knocks, ours, replace(ours, time=5 * SECOND, flags=RST))
    payload = segment(6, "203.0.113.9-4000", "10.0.0.5-25", PAYLOAD)
    take_in(knocks, payload, segment(7, "10.0.0.5-25", "203.0.113.9-4000", RST))

    assert {origin: (knock.refused, knock.silent, knock.targets) for origin, knock in taken(knocks).items()} == {
        "203.0.113.9": (1, 0, (end("10.0.0.5", 23),))
    }


def unreachable(seconds: float, to: str, about: str, quote: Quote = Quote.PORTS) -> Messages:
    """Return an unreachable to an end, `address-port`, about its packet to another."""
    (receiver, port), (remote, about_port) = (
        (ip_address(address), int(number)) for address, _, number in (end.rpartition("-") for end in (to, about))
    )
    family: Family = 4 if isinstance(receiver, IPv4Address) else 6
    addresses = [int(each) if isinstance(each, IPv4Address) else each.packed for each in (receiver, remote)]
    return made(
        Messages,
        1,
        family,
        dst_addr=addresses[:1],
        time=[round(seconds * SECOND)],
        quote=[quote],
        remote_addr=addresses[1:],
        client_port=[port],
        remote_port=[about_port],
    )


def tell(knocks: Knocks, messages: Messages, *, known: bool = False) -> None:
    """Let `knocks` take in messages."""
    knocks.take_in_messages(messages, is_ours, np.full(len(messages), known))


@pytest.mark.parametrize(("theirs", "ours"), [("203.0.113.9", "10.0.0.5"), ("2a00::9", "2001:db8::5")])
def test_an_unreachable_refuses_what_it_quotes(theirs: str, ours: str) -> None:
    """About a SYN that is remembered it refuses that attempt, else it is about UDP; repeated ones count once."""
    knocks = Knocks()
    take_in(knocks, segment(1, f"{theirs}-4000", f"{ours}-22", SYN, 7))
    for second in (2, 3):
        tell(knocks, unreachable(second, f"{theirs}-4000", f"{ours}-22"))
        tell(knocks, unreachable(second, f"{theirs}-4000", f"{ours}-161"))

    knock = taken(knocks)[theirs]
    assert (knock.refused, knock.silent) == (2, 0)
    assert knock.targets == (end(ours, 22), end(ours, 161, UDP))


def test_unreachables_about_others_or_late_answers_refuse_nothing() -> None:
    """A message to us, about an outsider, without ports, or about the answer to one of our clients, is no knock."""
    knocks = Knocks()
    tell(knocks, unreachable(1, "10.0.0.5-4000", "10.0.0.6-53"))
    tell(knocks, unreachable(1, "10.0.0.5-4000", "203.0.113.9-53"))
    tell(knocks, unreachable(1, "203.0.113.9-4000", "198.51.100.7-53"))
    tell(knocks, unreachable(1, "203.0.113.9-4000", "10.0.0.5-53", Quote.CUT))
    tell(knocks, unreachable(1, "203.0.113.9-53", "10.0.0.5-40000"), known=True)

    assert taken(knocks) == {}


def test_udp_packets_and_empty_batches_are_no_knocks() -> None:
    """A datagram has no flags; nothing is nothing."""
    knocks = Knocks()
    take_in(knocks, replace(segment(1, "203.0.113.9-4000", "10.0.0.5-53", 0), protocol=UDP))
    take_in(knocks)
    tell(knocks, Messages.empty(4))

    assert taken(knocks) == {}


@given(st.one_of(*(st.tuples(tables(Batch, family), tables(Messages, family)) for family in (4, 6))))
def test_no_values_of_packets_are_trouble(given_tables: tuple[Batch, Messages]) -> None:
    """Extreme addresses, ports, flags, numbers and times, merged or not, ours or not, raise nothing."""
    batch, messages = given_tables
    knocks = Knocks(16, 8, 8)

    def every_other(addresses: NDArray[Any]) -> NDArray[np.bool_]:
        return np.resize(np.array([True, False]), len(addresses))

    for rows in (batch, merge_packets(batch)):
        for knows in (True, False):
            knocks.take_in(rows, every_other, np.full(len(rows), knows))
            knocks.take_in_messages(messages, every_other, np.full(len(messages), knows))
    assert all(knock.refused + knock.silent > 0 for knock in knocks.take(2**62))


def test_an_attempt_is_forgotten_after_five_minutes() -> None:
    """The same number, 300 s and one ns after the attempt has ended, is a new attempt."""
    for late, attempts in ((0, 1), (1, 2)):
        knocks = Knocks()
        first = segment(1, "203.0.113.9-4000", "10.0.0.5-22", SYN, 7)
        take_in(knocks, first)
        take_in(knocks, replace(first, time=311 * SECOND + late))

        assert taken(knocks)["203.0.113.9"].silent == attempts


def test_an_attempt_of_one_family_is_not_given_up_for_packets_of_the_other() -> None:
    """Batches of the families come one after the other, though their packets came at the same time."""
    knocks = Knocks()
    take_in(knocks, segment(1, "2a00::9-4000", "2001:db8::5-22", SYN, 7))
    take_in(knocks, segment(15, "203.0.113.9-4000", "10.0.0.5-22", PAYLOAD))
    take_in(knocks, segment(10, "2001:db8::5-22", "2a00::9-4000", SYN_ACK))

    assert taken(knocks) == {}


def test_attempts_that_find_no_place_are_lost_and_evict_none_that_wait() -> None:
    """With room for 8 that wait, the first 8 of 20 are counted after their 10 s, and then there is room again."""
    knocks = Knocks(16)
    for port in range(1, 21):
        take_in(knocks, segment(1 + port / 100, f"203.0.113.9-{port}", f"10.0.0.5-{port}", SYN, 7))
    take_in(knocks, segment(12, "203.0.113.9-99", "10.0.0.5-99", SYN, 7))

    knock = taken(knocks)["203.0.113.9"]
    assert knock.targets == tuple(end("10.0.0.5", port) for port in [*range(1, 9), 99])
    assert (knock.silent, knocks.lost) == (9, 12)


def test_a_flow_with_ten_thousand_numbers_costs_a_few_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """SYNs of one flow in one batch are taken in one after the other, but only the first four."""
    turns = []
    begin = Knocks._begin

    def counted(*args: Any) -> bool:  # noqa: ANN401 - as it was called
        turns.append(len(args[1]))
        return begin(*args)

    monkeypatch.setattr(Knocks, "_begin", counted)
    knocks = Knocks()
    take_in(knocks, *(segment(1 + n / 10_000, "203.0.113.9-1", "10.0.0.5-22", SYN, n) for n in range(10_000)))

    assert turns == [1] * MOST_TURNS
    assert taken(knocks)["203.0.113.9"].silent == 1


def flood(seed: int, size: int, seconds: float) -> Batch:
    """Return SYNs from random addresses to one end of ours."""
    draw = np.random.default_rng(seed)
    return made(
        Batch,
        size,
        4,
        src_addr=draw.integers(0x20000000, 0x60000000, size),
        dst_addr=[0x0A000005] * size,
        src_port=draw.integers(1024, 65536, size),
        dst_port=[443] * size,
        protocol=[TCP] * size,
        tcp_flags=[SYN] * size,
        number=draw.integers(0, 2**32, size),
        packets=[1] * size,
        first=[round(seconds * SECOND)] * size,
        last=[round(seconds * SECOND)] * size,
    )


def test_a_flood_of_forged_origins_takes_nothing_from_those_who_are_known() -> None:
    """After 300,000 forged SYNs a known origin has its counts; the table is no larger, and it still counts."""
    knocks = Knocks()
    octets = knocks.octets
    take_in(knocks, *(segment(1, f"203.0.113.9-{port}", f"10.0.0.5-{port}") for port in range(1, 17)))
    assert taken(knocks, 20 * SECOND)["203.0.113.9"].ports == 16

    for turn in range(30):
        rows = flood(turn, 10_000, 20 + turn)
        knocks.take_in(rows, is_ours, np.zeros(len(rows), np.bool_))
        assert len(taken(knocks, (20 + turn) * SECOND)) <= 4_096 + 1_024
    take_in(knocks, segment(60, "203.0.113.9-99", "10.0.0.5-99"))
    take_in(knocks, segment(60.1, "10.0.0.5-99", "203.0.113.9-99", RST))

    knock = taken(knocks)["203.0.113.9"]
    assert (knock.refused, knock.silent, knock.hosts, knock.ports) == (1, 16, 1, 17)
    assert knocks.octets == octets < 10_000_000
    assert 0 < knocks.lost < 300_000
