"""Why a table is empty."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from shodohflo.attribution.ledger import Outcome
from shodohflo.query.rows import AgentRow
from shodohflo.report.absence import SILENT, Looked, why_no_disagreement, why_no_flows, why_no_rows
from shodohflo.store.contents import MOST, Contents

EMPTY = Contents("redis://here", matching=0, database=0, others={})
FLOWS = Looked("flows", (Outcome.FLOW,), filtered=False)


def agent(age: float = 3.0, outcomes: dict[str, int] | None = None, **fields: str) -> AgentRow:
    """Return a heartbeat."""
    counts = {f"outcomes.{name}": str(count) for name, count in (outcomes or {}).items()}
    return AgentRow("bert", "redis://here", age, {"state": "running"} | fields | counts)


def why(*agents: AgentRow, looked: Looked = FLOWS, contents: Contents = EMPTY) -> list[str]:
    """Return the reasons."""
    return list(why_no_rows(looked, [contents], agents))


def test_nobody_has_written() -> None:
    """Without a heartbeat, no agent writes there; one of another store does not count."""
    expected = ["no agent writes to redis://here: it has no heartbeat of the last 24 hours"]

    assert why() == expected
    assert why(replace(agent(), store="redis://there")) == expected


def test_it_is_in_another_database() -> None:
    """The databases of the store that have keys are named, with the way to read them."""
    [_, elsewhere] = why(contents=replace(EMPTY, others={3: 1204, 1: 1}))

    assert elsewhere == (
        "in the same store, database 1 has 1 key, database 3 has 1,204 keys; "
        "--store 'URL?db=N' reads database N, this was 0"
    )


def test_the_filters_leave_everything_out() -> None:
    """If there are such keys, it is the filters, whatever the agents say."""
    asked = replace(FLOWS, filtered=True)

    assert why(agent(), looked=asked, contents=replace(EMPTY, matching=1)) == [
        "the filters leave out all 1 key of flows in redis://here"
    ]
    [many] = why(agent(), looked=asked, contents=replace(EMPTY, matching=MOST))
    assert "all more than 100,000 keys" in many


def test_a_filter_by_time_needs_a_heartbeat_where_only_writes_have_a_time() -> None:
    """Without one, the age of pairs and clients is unknown."""
    asked = Looked("clients", (), filtered=True, needs_lifetime=True)
    some = replace(EMPTY, matching=5)

    assert "nobody knows when clients were written there" in why(looked=asked, contents=some)[1]
    assert len(why(agent(), looked=asked, contents=some)) == 1


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            agent(received="0", interfaces="eth0 eth1"),
            "the agent bert is running, but has received no packets; it listens to eth0 eth1",
        ),
        (agent(received="0"), "the agent bert is running, but has received no packets; it listens to no interface"),
        (
            agent(received="9", outcomes={"recorded.flow": 7, "handshake": 2}),
            "the agent bert is running and has recorded 7 packets of flows, which have expired",
        ),
        (
            agent(received="1204", outcomes={"own_network": 1200, "handshake": 4}),
            (
                "the agent bert is running, but has recorded no flows: of 1,204 packets, 1,200 are own_network (both "
                "ends are in our networks, and SUPPRESS_OWN_NETWORK is set), 4 are handshake (TCP with SYN or FIN: no "
                "proof that data flowed); SUPPRESS_OWN_NETWORK leaves these out"
            ),
        ),
        (agent(7200, state="ended"), "the agent bert ended 2h ago, and what it had written has expired"),
        (agent(SILENT + 25), "nothing has been heard of the agent bert for 1m; what it had written has expired"),
    ],
)
def test_an_agent_says_why(told: AgentRow, expected: str) -> None:
    """The heartbeat tells whether the agent runs, and what it received instead."""
    assert why(told) == [expected]


def test_a_heartbeat_may_be_anybodys() -> None:
    """Numbers that are none count as 0, and characters that are not printed are escaped."""
    strange = AgentRow("b\x1b]0;", "redis://here", 1.0, {"received": "9" * 5000, "interfaces": "\x07"})

    assert why(strange) == ["the agent b\\x1b]0; is running, but has received no packets; it listens to \\x07"]


def test_a_replay_without_flows_says_what_the_packets_are() -> None:
    """The most frequent outcomes are named with their meaning, and the first with the way out."""
    outcomes = Counter({Outcome.NO_RULE: 3, Outcome.HANDSHAKE: 1, "refused.not_ip": 1, Outcome.ICMP_OTHER: 1})

    assert why_no_flows({}) == "no flows: the captures have no packets"
    assert why_no_flows({Outcome.HANDSHAKE: 1}).startswith("no flows: of 1 packet, 1 are handshake (")
    told = why_no_flows(outcomes)
    assert told.startswith("no flows: of 6 packets, 3 are unmatched.no_rule (no rule of FLOW_MAPPING had an opinion)")
    assert told.endswith("; name your networks with --our-nets, or add rules")
    assert "refused.not_ip" not in told


def test_it_takes_two_to_disagree() -> None:
    """Fewer than two agents cannot; more of them agree, at least about what was asked for."""
    one = AgentRow("bert", "one", 1.0, {})

    assert why_no_disagreement([], filtered=False).startswith("it takes two agents to disagree")
    assert why_no_disagreement([one], filtered=True).endswith("have heard of 1 agent in the last 24 hours")
    assert why_no_disagreement([one, one], filtered=False) == (
        "no disagreement: 2 agents agree about which ends are services"
    )
    assert why_no_disagreement([one, one], filtered=True) == (
        "no disagreement: 2 agents agree about what the filters take"
    )
