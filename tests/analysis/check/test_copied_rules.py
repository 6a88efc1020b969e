"""Trial questions do not change the actions and counters that decide live packets."""

from __future__ import annotations

from ipaddress import ip_address
from threading import Lock
from typing import TYPE_CHECKING

import pytest

from shodohflo.analysis.check.copied_rules import copied
from shodohflo.pcap_config import FlowMapping, LowerPort, MappingAction, NetworkEnumeration

if TYPE_CHECKING:
    from shodohflo.model import Address
    from shodohflo.rules.actions import Opinion

EVERYTHING = NetworkEnumeration(("all", "0.0.0.0/0", "::/0"))
HERE, THERE = ip_address("192.0.2.1"), ip_address("192.0.2.2")


class Remembering(MappingAction):
    """An action that remembers the ports it was asked about, and raises."""

    def __init__(self, *more: object) -> None:
        """Start with an empty memory."""
        self.ports: list[int] = []
        self.more = more

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Opinion:  # noqa: ARG002 - as they are
        """Remember the destination port, and raise an exception."""
        self.ports.append(dst_port)
        raise ValueError("never")


def test_neither_memory_nor_counters_of_the_live_rules_move() -> None:
    """The attributes of an action are copied deeply."""
    action = Remembering()
    live = FlowMapping((None, "all", action), ("all", None, LowerPort())).number_networks(EVERYTHING)

    verdict = copied(live, EVERYTHING).decide(HERE, 40000, THERE, 53)

    assert verdict.rule == 1
    assert (action.ports, live.failures.total(), live.last_failure) == ([], 0, {})


def test_a_copy_begins_with_what_the_action_remembers() -> None:
    """The copy answers as the live action would answer now."""
    action = Remembering()
    action.ports = [22]
    live = FlowMapping((None, None, action)).number_networks(EVERYTHING)

    (rule,) = copied(live, EVERYTHING).rules

    assert isinstance(rule.action, Remembering)
    assert rule.action is not action
    assert rule.action.ports == [22]


@pytest.mark.parametrize("action", [Remembering(Lock()), LowerPort()])
def test_what_cannot_or_need_not_be_copied_is_asked_itself(action: MappingAction) -> None:
    """Actions with locks cannot be copied, and built-in actions have no memory to protect."""
    live = FlowMapping((None, None, action)).number_networks(EVERYTHING)

    assert copied(live, EVERYTHING).rules[0].action is action
