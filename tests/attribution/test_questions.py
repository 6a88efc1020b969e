"""The reasons that the plain questions give; `test_order` compares their answers with the column form."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import pytest

from shodohflo.attribution import questions
from shodohflo.attribution.policy import CompiledPolicy, Connection, IgnoredFlow, Policy
from shodohflo.attribution.questions import Message, Reason
from shodohflo.columns.batch import Quote
from shodohflo.rules.packet import Packet
from support.made_packets import batch_of, messages_of

if TYPE_CHECKING:
    from collections.abc import Callable

POLICY = Policy(
    (ip_network("10.0.0.0/8"),),
    suppress_own_network=True,
    ignored=(IgnoredFlow(ip_network("8.8.8.0/24"), 53),),
    own_connections=frozenset({Connection(ip_address("10.0.0.1"), 50000, ip_address("8.8.8.8"), 6379)}),
)


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        (
            questions.is_own_traffic,
            "8.8.8.8:6379 > 10.0.0.1:50000 tcp",
            "yes: it is a connection of the agent to its store",
        ),
        (
            questions.is_own_traffic,
            "8.8.8.8:6379 > 10.0.0.1:50001 tcp",
            "no: it is no connection of the agent to its store",
        ),
        (questions.is_reset_to_us, "8.8.8.8:1 > 10.0.0.1:2 tcp rst", "yes: 10.0.0.1 is ours, by 10.0.0.0/8"),
        (questions.is_reset_to_us, "10.0.0.1:1 > 8.8.8.8:2 tcp rst", "no: 8.8.8.8 is in none of our networks"),
        (questions.is_reset_to_us, "8.8.8.8:1 > 10.0.0.1:2 tcp", "no: it has no RST"),
        (questions.is_reset, "8.8.8.8:1 > 10.0.0.1:2 udp", "no: it is not TCP"),
        (
            questions.is_reset,
            "10.0.0.1:1 > 8.8.8.8:2 tcp rst",
            "yes: it has RST, and only resets to our networks are recorded",
        ),
        (
            questions.is_own_network,
            "10.0.0.1:1 > 10.0.0.2:2 udp",
            "yes: both ends are ours, and SUPPRESS_OWN_NETWORK is set",
        ),
        (questions.is_own_network, "10.0.0.1:1 > 8.8.8.8:2 udp", "no: 8.8.8.8 is in none of our networks"),
        (questions.is_handshake, "10.0.0.1:1 > 8.8.8.8:2 tcp syn fin", "yes: it has SYN and FIN"),
        (questions.is_handshake, "10.0.0.1:1 > 8.8.8.8:2 tcp ack", "no: it has neither SYN nor FIN"),
        (
            questions.is_ignored,
            "8.8.8.9:53 > 10.0.0.1:2 udp",
            "yes: it holds (8.8.8.0/24, 53): no flow, only peers and client",
        ),
        (questions.is_ignored, "8.8.8.9:54 > 10.0.0.1:53 udp", "no: it holds neither end"),
    ],
)
def test_each_answer_about_a_packet_has_its_reason(
    question: Callable[[Packet, Policy], Reason], text: str, expected: str
) -> None:
    """Each answer has a reason that names what decided."""
    reason = question(Packet.from_text(text), POLICY)

    assert f"{'yes' if reason.applies else 'no'}: {reason.because}" == expected


@pytest.mark.parametrize("quote", Quote)
def test_a_message_to_us_is_known_by_its_quote(quote: Quote) -> None:
    """At most one of the four questions applies, and none to a message that is not to us."""
    asked = {
        Quote.PORTS: partial(questions.is_quote, Quote.PORTS),
        Quote.CUT: partial(questions.is_quote, Quote.CUT),
        Quote.FRAGMENT: partial(questions.is_quote, Quote.FRAGMENT),
        Quote.MALFORMED: partial(questions.is_quote, Quote.MALFORMED),
    }
    to_us = Message(ip_address("8.8.8.8"), ip_address("10.0.0.1"), quote)
    elsewhere = replace(to_us, dst_addr=ip_address("9.9.9.9"))

    assert [kind for kind, question in asked.items() if question(to_us, POLICY).applies] == [quote][
        : quote != Quote.NONE
    ]
    assert not any(question(elsewhere, POLICY).applies for question in asked.values())
    assert questions.is_any_message(to_us, POLICY).applies


def test_without_the_setting_our_own_network_is_not_suppressed() -> None:
    """Without SUPPRESS_OWN_NETWORK, `is_own_network` applies to no packet and no message, in either form."""
    policy = replace(POLICY, suppress_own_network=False)
    packet = Packet.from_text("10.0.0.1:1 > 10.0.0.2:2 udp")
    message = Message(packet.src_addr, packet.dst_addr, Quote.NONE)

    assert questions.is_own_network(packet, policy) == Reason(applies=False, because="SUPPRESS_OWN_NETWORK is not set")
    assert not questions.own_network_rows(batch_of([packet]), CompiledPolicy(policy)).any()
    assert not questions.own_network_rows(messages_of(4, [message]), CompiledPolicy(policy)).any()
    assert questions.own_network_rows(messages_of(4, [message]), CompiledPolicy(POLICY)).all()


def test_an_ignored_end_needs_both_its_prefix_and_its_port() -> None:
    """Prefix and port must match at the same end, either of the two; several entries may share a port."""
    ignored = (IgnoredFlow(ip_network("8.8.8.0/24"), 443), IgnoredFlow(ip_network("9.9.9.9/32"), 443))
    texts = (
        "10.0.0.1:1 > 8.8.8.8:443 tcp",
        "8.8.8.8:443 > 10.0.0.1:1 tcp",
        "10.0.0.1:443 > 8.8.8.8:1 tcp",
        "10.0.0.1:1 > 9.9.9.9:443 udp",
        "10.0.0.1:1 > 9.9.9.8:443 udp",
    )

    found = questions.ignored_rows(
        batch_of([*map(Packet.from_text, texts)]), CompiledPolicy(Policy((), ignored=ignored))
    )

    assert found.tolist() == [True, True, False, True, False]


@pytest.mark.parametrize("other", ["10.0.0.1", "fd00::1"])
def test_own_traffic_is_found_by_all_four_parts_and_the_protocol(other: str) -> None:
    """Own traffic must match both addresses, both ports and TCP, and never matches across families."""
    own = Connection(ip_address("10.0.0.1"), 50000, ip_address("10.0.0.2"), 6379)
    texts = (
        "10.0.0.1:50000 > 10.0.0.2:6379 tcp",
        "10.0.0.2:6379 > 10.0.0.1:50000 tcp",
        "10.0.0.1:50001 > 10.0.0.2:6379 tcp",
        "10.0.0.1:50000 > 10.0.0.2:6379 udp",
    )
    connection = Connection(
        ip_address(other), own.src_port, own.dst_addr if other == "10.0.0.1" else ip_address("::"), 6379
    )
    policy = CompiledPolicy(Policy((), own_connections=frozenset({connection})))

    found = questions.own_traffic_rows(batch_of([*map(Packet.from_text, texts)]), policy)

    assert found.tolist() == ([True, True, False, False] if other == "10.0.0.1" else [False] * 4)
