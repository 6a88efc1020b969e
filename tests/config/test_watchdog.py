"""The watchdog: an action that does not answer is interrupted, named and left out; nothing else is."""

from __future__ import annotations

import inspect
import signal
import time
from contextlib import suppress
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from shodohflo.config.watchdog import Watchdog
from shodohflo.pcap_config import SRC, FlowMapping, LowerPort, MappingAction, NetworkEnumeration

if TYPE_CHECKING:
    from shodohflo.rules.actions import Opinion

LIMIT = 0.2
"""Seconds."""

ENDS = (IPv4Address("192.0.2.1"), 40000, IPv4Address("192.0.2.2"), 443)
FLOW = (ENDS[0], ENDS[2], 443)


class Loop(MappingAction):
    """Never answers, and catches what it can."""

    asked = 0

    def match(self, *_: object) -> Opinion:
        """Loop."""
        self.asked += 1
        while True:
            with suppress(Exception):  # as careless code does
                time.sleep(1.0)


class Quick(MappingAction):
    """Answers, in less than the limit each time."""

    def match(self, *_: object) -> Opinion:
        """Take a tenth of the limit."""
        end = time.monotonic() + LIMIT / 10
        while time.monotonic() < end:
            pass
        return None


def mapping(action: MappingAction) -> FlowMapping:
    """Return a mapping that asks `action` first, and then takes the lower port."""
    everything = NetworkEnumeration(("all", "0.0.0.0/0"))
    return FlowMapping((None, None, action), (None, None, LowerPort(SRC))).number_networks(everything)


def test_an_action_that_never_answers_is_left_out() -> None:
    """It is interrupted once, its rule and line are named, and the next rule decides this and every later packet."""
    loop = Loop()
    rules = mapping(loop)

    with Watchdog(LIMIT):
        answers = [rules.match(*ENDS) for _ in range(3)]

    assert answers == [FLOW] * 3
    assert (loop.asked, rules.failures) == (1, {0: 1})
    lines, first = inspect.getsourcelines(Loop)
    line = first + next(number for number, text in enumerate(lines) if "sleep" in text)
    assert rules.last_failure[0] == (
        f"did not answer within {LIMIT} s ({__file__}, line {line}), "
        "and is not asked again until a configuration is loaded"
    )


def test_a_configuration_that_is_loaded_is_asked_again() -> None:
    """The same rules with other networks, or after a reload, begin anew."""
    loop = Loop()
    rules = mapping(loop)

    with Watchdog(LIMIT):
        rules.match(*ENDS)
        rules.numbered(NetworkEnumeration(("all", "0.0.0.0/0"))).match(*ENDS)

    assert loop.asked == 2


def test_many_short_answers_are_no_long_one() -> None:
    """The time of one call counts, not that of all calls; an agent that works for longer than the limit goes on."""
    rules = mapping(Quick())

    with Watchdog(LIMIT):
        answers = [rules.match(*ENDS) for _ in range(25)]
        time.sleep(2 * LIMIT)

    assert answers == [FLOW] * 25
    assert not rules.failures


def test_the_timer_ends_with_the_context() -> None:
    """The handler and the timer are as before."""
    before = signal.getsignal(signal.SIGALRM)
    with Watchdog(LIMIT):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0

    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
