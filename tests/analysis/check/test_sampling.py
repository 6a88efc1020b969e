"""Custom actions are sampled with the ports and addresses that they mention."""

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
    """A custom action with its ports in a set in a list."""

    def __init__(self) -> None:
        """Store the ports."""
        self.known = [{27017}]

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Answer:
        """Return an opinion if the destination port is stored and the source port is above 1023."""
        return (src_addr, dst_addr, dst_port) if dst_port in self.known[0] and src_port > 1023 else None


class Code(MappingAction):
    """A custom action with its port as a constant in the code."""

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Answer:
        """Return an opinion if the source port is 31337."""
        return (src_addr, dst_addr, dst_port) if src_port == 31337 else None


class Host(MappingAction):
    """A custom action with an address as text."""

    def __init__(self) -> None:
        """Store the address."""
        self.host = "10.0.0.77"

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Answer:
        """Return an opinion if the destination is the stored address."""
        return (src_addr, dst_addr, min(src_port, dst_port)) if str(dst_addr) == self.host else None


class Nothing:
    """An action that inherits from nothing, has no attributes and no opinion."""

    __slots__ = ()

    def match(self, *_: object) -> None:
        """Return None, which is no opinion."""


def sampled(action: object, *before: tuple[str | None, str | None, object]) -> Sampled:
    """Sample a rule with `action`, from anywhere to bert, after other rules."""
    model = model_of(subject(WORLD, FlowMapping(*before, (None, "bert", action))))
    rule = len(before)
    shares = [(pair, model.chart(rules).of(rule)) for rules, pair in model.meetings.items()]
    return sample(model, rule, [(pair, block) for pair, share in shares if share for block in share.blocks])


@pytest.mark.parametrize("action", [Table(), Code(), Host()], ids=lambda action: type(action).__name__)
def test_a_packet_that_means_something_to_an_action_is_found(action: object) -> None:
    """Ports and addresses are taken from attributes and from code constants."""
    found = sampled(action)

    assert found.decided is not None
    assert found.decided.dst_addr in WORLD.entries[0].prefixes[0]
    assert found.failed is None
    assert found.tried < MOST


def test_trying_ends() -> None:
    """Sampling ends after `MOST` packets, or when there are no more candidates."""
    found = sampled(Nothing())

    assert found.decided is None
    assert 100 < found.tried <= MOST


def test_what_a_rule_before_takes_is_not_called_decided() -> None:
    """A packet that an earlier rule decides does not count for the sampled rule."""
    found = sampled(Table(), (None, "bert", PortMatch({27017})))

    assert found.decided is None


def test_a_rule_of_ours_behind_an_own_action_is_tried_too() -> None:
    """A built-in rule after a custom action is sampled as well."""
    found = sampled(LowerPort(), (None, "bert", Host()))

    assert found.decided is not None
    assert found.decided.dst_addr != ip_address("10.0.0.77")


def test_what_never_comes_to_the_rules_is_not_tried() -> None:
    """With SUPPRESS_OWN_NETWORK no packet between our own hosts is tried, even if an action mentions them."""
    everything = NetworkEnumeration(("all", "0.0.0.0/0"))
    mapping = FlowMapping((None, None, Host()))
    left_out = model_of(subject(everything, mapping, "10.0.0.0/8", suppress=True))

    tried = list(likely_packets(left_out, [(pair, Block(1, 1)) for pair in left_out.pairs]))

    assert tried
    assert all(left_out.is_judged(packet) for packet in tried)
