"""Random rule sets for tests as plain data, and an independent matcher that reads the same data.

The matcher shares no code with the product: it is the contract in the fewest lines.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from shodohflo.columns.batch import Batch, Family
from shodohflo.pcap_config import (
    DST,
    OUR_4NETS,
    OUR_6NETS,
    SRC,
    Assign,
    FlowMapping,
    LowerPort,
    MappingAction,
    NetworkEnumeration,
    Observed,
    PortMatch,
    update_our_nets,
)
from support.tables import made

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shodohflo.model import Address
    from shodohflo.rules.actions import Opinion

Packet = tuple["Address", int, "Address", int]

NO_OPINION, DROP = "no opinion", "drop"


@dataclass(frozen=True)
class Own:
    """An operator's own action whose answer depends on the packet and on `seed`."""

    seed: int

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Any:  # noqa: ANN401 - rubbish too
        """Return an opinion, a drop, no opinion or a malformed answer, or raise an exception."""
        answers = [
            None,
            (None, None, None),
            (src_addr, dst_addr, dst_port),
            (dst_addr, src_addr, 0),
            (IPv4Address("203.0.113.7"), dst_addr, src_port),
            (IPv6Address("2001:db8::"), IPv4Address("203.0.113.0"), 65535),
            (src_addr, dst_addr, 65536),
            (src_addr, dst_addr, True),
            (src_addr, None, 53),
            (None, None, 53),
            (str(src_addr), dst_addr, 53),
            (src_addr, dst_addr),
            "rubbish",
            0,
        ]
        mood = (int(src_addr) + 3 * int(dst_addr) + 5 * src_port + 7 * dst_port + self.seed) % (len(answers) + 1)
        if mood == len(answers):
            raise ZeroDivisionError("a bad day")
        return answers[mood]


class OwnLowerPort(LowerPort):
    """An operator's own action that is a subclass of one of ours."""

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Opinion:
        """Return no opinion for even source ports."""
        return super().match(src_addr, src_port, dst_addr, dst_port) if src_port % 2 else None


@dataclass(frozen=True)
class RuleSet:
    """Entries and rules as plain data; an action is its name and its arguments."""

    entries: tuple[tuple[str, tuple[str, ...]], ...]
    rules: tuple[tuple[str | None, str | None, tuple[Any, ...]], ...]

    def enumeration(self) -> NetworkEnumeration:
        """Return the entries as a `NetworkEnumeration`."""
        return NetworkEnumeration(*((name, *prefixes) for name, prefixes in self.entries))

    def mapping(self) -> FlowMapping:
        """Return the rules as a `FlowMapping`."""
        actions: dict[str, Any] = {
            "nothing": MappingAction,
            "port": PortMatch,
            "assign": Assign,
            "lower": LowerPort,
            "own": Own,
            "own lower": OwnLowerPort,
        }

        def action(name: str, *arguments: Any) -> Any:  # noqa: ANN401 - an action with its arguments, as drawn
            return Observed(action(*arguments[0])) if name == "observed" else actions[name](*arguments)

        return FlowMapping(*((src, dst, action(*drawn)) for src, dst, drawn in self.rules))

    def port_sets(self) -> list[frozenset[int]]:
        """Return the sets of ports that actions name, also as the `otherwise` of `Observed`."""
        actions = [action[1] if action[0] == "observed" else action for _, _, action in self.rules]
        return [part for action in actions for part in action if isinstance(part, frozenset)]

    def addresses(self, family: Family) -> list[Address]:
        """Return the first and last address of each prefix, and the addresses next to them."""
        prefixes = [ip_network(prefix) for _, prefixes in self.entries for prefix in prefixes]
        edges = {int(p[end]) + step for p in prefixes if p.version == family for end in (0, -1) for step in (-1, 0, 1)}
        kind, bits = (IPv4Address, 32) if family == 4 else (IPv6Address, 128)
        return [kind(edge) for edge in sorted(edges | {0, 1, 256, 2**bits - 1}) if 0 <= edge < 2**bits]


def second_opinion(rule_set: RuleSet, packet: Packet) -> tuple[Any, int | None]:
    """Return the verdict that the contract requires for `packet`, and the number of the rule that decides."""
    names = [first_holder(rule_set, address) for address in (packet[0], packet[2])]
    if None in names:
        return "no network", None
    for number, (src, dst, (action, *arguments)) in enumerate(rule_set.rules):
        if src in (None, names[0]) and dst in (None, names[1]):
            opinion = OPINIONS[action](packet, *arguments)
            if opinion != NO_OPINION:
                return opinion, number
    return "no rule", None


def observed_by(rule_set: RuleSet, packet: Packet) -> int | None:
    """Return the number of the rule that the contract requires to decide by evidence, where there is any."""
    names = [first_holder(rule_set, address) for address in (packet[0], packet[2])]
    decided = second_opinion(rule_set, packet)[1]
    if None not in names:
        for number, (src, dst, (action, *_)) in enumerate(rule_set.rules):
            reaches = src in (None, names[0]) and dst in (None, names[1])
            if action == "observed" and reaches and (decided is None or number <= decided):
                return number
    return None


def first_holder(rule_set: RuleSet, address: Address) -> str | None:
    """Return the name of the first entry that contains `address`."""
    for name, prefixes in rule_set.entries:
        for prefix in prefixes:
            network = ip_network(prefix)
            if network.version == address.version and network[0] <= address <= network[-1]:  # type: ignore[operator] # one family
                return name
    return None


def _port(packet: Packet, ports: frozenset[int], precedence: str, drop: bool) -> object:  # noqa: FBT001 - as drawn
    src, src_port, dst, dst_port = packet
    wanted = {end for end, port in ((SRC, src_port), (DST, dst_port)) if port in ports}
    if not wanted:
        return NO_OPINION
    service = precedence if precedence in wanted else wanted.pop()
    return DROP if drop else {SRC: (dst, src, src_port), DST: (src, dst, dst_port)}[service]


def _assign(packet: Packet, client: str, port: str, ports: frozenset[int] | None, drop: bool) -> object:  # noqa: FBT001 - as drawn
    src, src_port, dst, dst_port = packet
    of_interest = {SRC: src_port, DST: dst_port}[port]
    if ports is not None and of_interest not in ports:
        return NO_OPINION
    return DROP if drop else ({SRC: src, DST: dst}[client], {SRC: dst, DST: src}[client], of_interest)


def _lower(packet: Packet, precedence: str) -> object:
    src, src_port, dst, dst_port = packet
    src_is_service = precedence == SRC if src_port == dst_port else src_port < dst_port
    return (dst, src, src_port) if src_is_service else (src, dst, dst_port)


def _own(packet: Packet, seed: int) -> object:
    try:
        answer = Own(seed).match(*packet)
        client, service, port = answer
    except (TypeError, ValueError, ZeroDivisionError):
        return NO_OPINION
    if answer == (None, None, None):
        return DROP
    fits = type(port) is int and port <= 65535 and not {type(client), type(service)} & {str, type(None)}
    return answer if fits else NO_OPINION


OPINIONS: dict[str, Any] = {
    "nothing": lambda _: NO_OPINION,
    "port": _port,
    "assign": _assign,
    "lower": _lower,
    "own": _own,
    "own lower": lambda packet: _lower(packet, SRC) if packet[1] % 2 else NO_OPINION,
    "observed": lambda packet, otherwise: OPINIONS[otherwise[0]](packet, *otherwise[1:]),
}

PORTS = st.sampled_from([0, 1, 2, 22, 53, 80, 443, 65534, 65535]) | st.integers(0, 65535)
PORT_SETS = st.frozensets(PORTS.filter(bool), max_size=4) | st.just(frozenset(range(1, 1025)))
ENDS = st.sampled_from([SRC, DST])


def _ours(drops: st.SearchStrategy[bool]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.one_of(
        st.tuples(st.just("nothing")),
        st.tuples(st.just("port"), PORT_SETS, ENDS, drops),
        st.tuples(st.just("assign"), ENDS, ENDS, st.none() | PORT_SETS, drops),
        st.tuples(st.just("lower"), ENDS),
    )


_OWN = st.tuples(st.just("own"), st.integers(0, 14)) | st.tuples(st.just("own lower"))
OURS = _ours(st.booleans()) | st.tuples(st.just("observed"), _ours(st.just(value=False)))
OPERATORS = _OWN | st.tuples(st.just("observed"), _OWN)


@st.composite
def prefixes(draw: st.DrawFn) -> str:
    """Draw prefixes of both families that often overlap, and often end with zeros."""
    if draw(st.booleans()):
        start, length = draw(st.sampled_from(["0.0.0.0", "10.0.0.1", "10.0.1.0", "255.255.255.255"])), 32
    else:
        start, length = (
            draw(st.sampled_from(["::", "2001:db8::1", "2001:db8::100", "fd00::", "ffff:" * 7 + "ffff"])),
            128,
        )
    kept = draw(st.sampled_from([0, 7, 8, 16, length - 8, length - 1, length]) | st.integers(0, length))
    return str(ip_network(f"{start}/{kept}", strict=False))


@st.composite
def rule_sets(draw: st.DrawFn, actions: st.SearchStrategy[tuple[Any, ...]] = OURS) -> RuleSet:
    """Draw rule sets, some with repeated names or entries without prefixes."""
    names = ["a", "b", "c", "d"]
    entry = st.tuples(st.sampled_from(names), st.lists(prefixes(), max_size=3).map(tuple))
    everything = (draw(st.sampled_from(names)), ("0.0.0.0/0", "::/0"))
    entries = tuple(draw(st.lists(entry, max_size=6))) + draw(st.sampled_from([(), (everything,)]))
    known = st.sampled_from([None, *(name for name, _ in entries)])
    return RuleSet(entries, tuple(draw(st.lists(st.tuples(known, known, actions), max_size=8))))


@st.composite
def packets(draw: st.DrawFn, rule_set: RuleSet, family: Family) -> list[Packet]:
    """Draw packets between the edge addresses of `rule_set`, some of them repeated or with equal ports."""
    address = st.sampled_from(rule_set.addresses(family))
    mentioned = {port for ports in rule_set.port_sets() for port in ports}
    port = PORTS | st.sampled_from(sorted(mentioned)) if mentioned else PORTS
    some = draw(st.lists(st.tuples(address, port, address, port), max_size=30))
    ties = [(src, src_port, dst, src_port) for src, src_port, dst, _ in some[:5]]
    return some + ties + some[::3]


def batch_of(family: Family, rows: Sequence[Packet]) -> Batch:
    """Return packets as a batch, in the form that the decoders produce."""
    src, dst = ([int(row[end]) for row in rows] for end in (0, 2))
    return made(
        Batch,
        len(rows),
        family,
        src_addr=_values(family, src),
        dst_addr=_values(family, dst),
        src_port=[row[1] for row in rows],
        dst_port=[row[3] for row in rows],
    )


def _values(family: Family, numbers: list[int]) -> list[int] | list[bytes]:
    """Return the values of a column of addresses."""
    return numbers if family == 4 else [number.to_bytes(16, "big") for number in numbers]


def packet(text: str) -> Packet:
    """Parse a packet written `address:port > address:port`, with IPv6 addresses in brackets."""
    ends = [end.strip().rpartition(":") for end in text.split(">")]
    (src, _, src_port), (dst, _, dst_port) = ends
    return ip_address(src.strip("[]")), int(src_port), ip_address(dst.strip("[]")), int(dst_port)


@contextmanager
def our_nets(*networks: str) -> Iterator[None]:
    """Set `networks` as our networks, as the start of an agent does, and restore the previous ones at the end."""
    before = [*OUR_4NETS.prefixes, *OUR_6NETS.prefixes]
    update_our_nets(networks)
    yield
    update_our_nets(before)
