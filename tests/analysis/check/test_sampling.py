"""Operators' own actions are asked about what they speak of, between the places where they are reached."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

import pytest

from shodohflo.analysis.check.ports import Block
from shodohflo.analysis.check.sampling import MOST, likely_packets, sample
from shodohflo.pcap_config import FlowMapping, LowerPort, MappingAction, NetworkEnumeration, PortMatch
from support.subjects import model_of, subject

if TYPE_CHECKING:
    from shodohflo.analysis.check.sampling import Sampled
    from shodohflo.model import Address

WORLD = NetworkEnumeration(("bert", "10.0.0.0/24"), ("six", "2001:db8::/32"), ("external", "0.0.0.0/0"))

Answer = tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address, int] | None


class Table(MappingAction):
    """Speaks of ports in a set in a list among its attributes."""

    def __init__(self) -> None:
        """Remember them."""
        self.known = [{27017}]

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Answer:
        """Answer for these, from clients only."""
        return (src_addr, dst_addr, dst_port) if dst_port in self.known[0] and src_port > 1023 else None


class Code(MappingAction):
    """Speaks of a port in its code."""

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Answer:
        """Answer for it, as a source port."""
        return (src_addr, dst_addr, dst_port) if src_port == 31337 else None


class Host(MappingAction):
    """Speaks of an address, as text."""

    def __init__(self) -> None:
        """Remember it."""
        self.host = "10.0.0.77"

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Answer:
        """Answer for it."""
        return (src_addr, dst_addr, min(src_port, dst_port)) if str(dst_addr) == self.host else None


class Nothing:
    """An action that is no class of ours, has no attributes and no opinion."""

    __slots__ = ()

    def match(self, *_: object) -> None:
        """Have no opinion."""


def sampled(action: object, *before: tuple[str | None, str | None, object]) -> Sampled:
    """Sample a rule for `action`, from anywhere to bert, behind others."""
    model = model_of(subject(WORLD, FlowMapping(*before, (None, "bert", action))))
    rule = len(before)
    shares = [(pair, model.chart(rules).of(rule)) for rules, pair in model.meetings.items()]
    return sample(model, rule, [(pair, block) for pair, share in shares if share for block in share.blocks])


@pytest.mark.parametrize("action", [Table(), Code(), Host()], ids=lambda action: type(action).__name__)
def test_a_packet_that_means_something_to_an_action_is_found(action: object) -> None:
    """Ports and addresses are taken from attributes and code."""
    found = sampled(action)

    assert found.decided is not None
    assert found.decided.dst_addr in WORLD.entries[0].prefixes[0]
    assert found.failed is None
    assert found.tried < MOST


def test_trying_ends() -> None:
    """At a fixed number, or when there is nothing more to try."""
    found = sampled(Nothing())

    assert found.decided is None
    assert 100 < found.tried <= MOST


def test_what_a_rule_before_takes_is_not_called_decided() -> None:
    """The whole configuration is asked, not only the action."""
    found = sampled(Table(), (None, "bert", PortMatch({27017})))

    assert found.decided is None


def test_a_rule_of_ours_behind_an_own_action_is_tried_too() -> None:
    """What the own action leaves it is found by asking."""
    found = sampled(LowerPort(), (None, "bert", Host()))

    assert found.decided is not None
    assert found.decided.dst_addr != ip_address("10.0.0.77")


def test_what_never_comes_to_the_rules_is_not_tried() -> None:
    """SUPPRESS_OWN_NETWORK leaves out packets between our own hosts, also between those that an action speaks of."""
    everything = NetworkEnumeration(("all", "0.0.0.0/0"))
    mapping = FlowMapping((None, None, Host()))
    left_out = model_of(subject(everything, mapping, "10.0.0.0/8", suppress=True))

    tried = list(likely_packets(left_out, [(pair, Block(1, 1)) for pair in left_out.pairs]))

    assert tried
    assert all(left_out.is_judged(packet) for packet in tried)
