"""Compiling changes the speed of a verdict, never the verdict."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from shodohflo.rules import table, tables
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.mapping import MOST_RULES
from shodohflo.rules.table import LookupTable
from shodohflo.rules.verdicts import Answer, Decision, Verdicts
from support.rule_sets import (
    DROP,
    OPERATORS,
    OURS,
    RuleSet,
    batch_of,
    observed_by,
    packet,
    packets,
    rule_sets,
    second_opinion,
)

if TYPE_CHECKING:
    from shodohflo.columns.batch import Family
    from shodohflo.model import Address
    from shodohflo.rules.actions import Opinion
    from support.rule_sets import Packet

WORLD = NetworkEnumeration(("bert", "10.0.0.1/32"), ("external", "0.0.0.0/0", "::/0"))


def readable(verdicts: Verdicts, rows: list[Packet]) -> list[tuple[Any, int | None]]:
    """Return the verdicts in the form of `second_opinion`."""
    answers = iter(verdicts.answers)
    return [_readable(verdicts, row, packet, answers) for row, packet in enumerate(rows)]


def observed_rules(verdicts: Verdicts) -> list[int | None]:
    """Return the number of the `Observed` rule of each row, or None."""
    return [number - 1 if number else None for number in verdicts.observed.tolist()]


def _readable(verdicts: Verdicts, row: int, packet: Packet, answers: Any) -> tuple[Any, int | None]:  # noqa: ANN401 - an iterator
    rule, port = int(verdicts.rule[row]), int(verdicts.port[row])
    match Decision(int(verdicts.decision[row])):
        case Decision.NO_NETWORK:
            return "no network", None
        case Decision.NO_RULE:
            return "no rule", None
        case Decision.DROPPED:
            return DROP, rule
        case Decision.SRC_IS_CLIENT:
            return (packet[0], packet[2], port), rule
        case Decision.DST_IS_CLIENT:
            return (packet[2], packet[0], port), rule
        case Decision.ANSWERED:
            answer = next(answers)
            return (answer.client, answer.service, port), rule


@given(st.data(), rule_sets(OURS | OPERATORS), st.sampled_from([4, 6]))
def test_compiled_rules_agree_with_the_contract(data: st.DataObject, rule_set: RuleSet, family: Family) -> None:
    """Every row gets the verdict of a matcher written from the contract, custom actions included."""
    rows = data.draw(packets(rule_set, family))

    verdicts = CompiledRules(rule_set.enumeration(), rule_set.mapping()).judge(batch_of(family, rows))

    assert readable(verdicts, rows) == [second_opinion(rule_set, row) for row in rows]
    assert observed_rules(verdicts) == [observed_by(rule_set, row) for row in rows]
    assert len(verdicts.answers) == int((verdicts.decision == Decision.ANSWERED).sum())


@given(st.data(), rule_sets(OURS | OPERATORS), st.sampled_from([4, 6]))
def test_compiled_rules_agree_with_the_readable_rules(data: st.DataObject, rule_set: RuleSet, family: Family) -> None:
    """Compiled and readable rules agree on ends, port, rule and networks, batch after batch."""
    first, second = data.draw(packets(rule_set, family)), data.draw(packets(rule_set, family))
    enumeration, plain = rule_set.enumeration(), rule_set.mapping().number_networks(rule_set.enumeration())
    compiled = CompiledRules(enumeration, rule_set.mapping())

    both = [(rows, compiled.judge(batch_of(family, rows))) for rows in (first, second)]

    for rows, verdicts in both:
        decided = [plain.decide(*row) for row in rows]
        matched = [answer if isinstance(answer, tuple) else None for answer, _ in readable(verdicts, rows)]
        assert matched == [plain.match(*row) for row in rows]
        assert verdicts.rule.tolist() == [verdict.rule or 0 for verdict in decided]
        assert observed_rules(verdicts) == [verdict.observed for verdict in decided]
        assert verdicts.src_network.tolist() == [enumeration.network(row[0]) or 0 for row in rows]
        assert verdicts.dst_network.tolist() == [enumeration.network(row[2]) or 0 for row in rows]


@given(st.data(), rule_sets(OURS | OPERATORS), st.sampled_from([4, 6]), st.sampled_from([0.1, 0.5, 0.9]))
def test_only_the_chosen_rows_are_judged(data: st.DataObject, rule_set: RuleSet, family: Family, share: float) -> None:
    """Few or many, the chosen rows get the verdicts they would get alone, and the others get zeros."""
    batch = batch_of(family, data.draw(packets(rule_set, family)))
    among = np.array([data.draw(st.floats(0, 1)) < share for _ in range(len(batch))], np.bool_)
    alone, together = (CompiledRules(rule_set.enumeration(), rule_set.mapping()) for _ in range(2))

    expected = alone.judge(batch[among])
    verdicts = together.judge(batch, among)

    assert verdicts.answers == expected.answers
    assert together.asked == alone.asked
    for name in Verdicts.names:
        assert getattr(verdicts, name)[among].tolist() == getattr(expected, name).tolist()
        assert not getattr(verdicts, name)[~among].any()


def test_rows_that_are_not_judged_make_no_tables() -> None:
    """Tables are compiled for the pairs of networks of judged rows only, however many other rows there are."""
    named = [(f"net{number}", f"10.{number}.0.0/16") for number in range(20)]
    networks = NetworkEnumeration(*named)
    rules = FlowMapping(*((name, None, PortMatch({number + 1})) for number, (name, _) in enumerate(named)))
    data = [packet("10.0.0.1:1 > 10.1.0.1:2")] * 300
    scan = [packet(f"10.{src}.0.1:1 > 10.{dst}.0.1:2") for src in range(2, 20) for dst in range(2, 20) if src != dst][
        :290
    ]
    batch, among = batch_of(4, [*data, *scan]), np.arange(590) < 300
    whole = CompiledRules(networks, rules)

    with pytest.MonkeyPatch.context() as patch:
        compiling = Mock(side_effect=LookupTable.compile)
        patch.setattr(LookupTable, "compile", compiling)
        verdicts = whole.judge(batch, among)

    assert compiling.call_count == 1
    assert verdicts.src_network.tolist() == [1] * 300 + [0] * 290


@given(st.data(), rule_sets(OURS))
def test_asking_every_time_gives_the_same_verdicts(data: st.DataObject, rule_set: RuleSet) -> None:
    """Pairs of networks whose table would be too large ask the readable rules; only the counter `asked` differs."""
    rows = data.draw(packets(rule_set, 4))
    tabled = CompiledRules(rule_set.enumeration(), rule_set.mapping())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "MOST_QUESTIONS", -1)
        asking = CompiledRules(rule_set.enumeration(), rule_set.mapping())
        asked = asking.judge(batch_of(4, rows))

    verdicts = tabled.judge(batch_of(4, rows))

    assert readable(asked, rows) == readable(verdicts, rows)
    assert asked.observed.tolist() == verdicts.observed.tolist()
    in_networks = {row for row in rows if second_opinion(rule_set, row)[0] != "no network"}
    assert (tabled.asked, asking.asked) == (0, len(in_networks))


@given(rule_sets(OURS))
def test_the_example_ports_of_every_case_get_its_verdict(rule_set: RuleSet) -> None:
    """A packet with the example ports of a case gets the verdict of that case."""
    enumeration = rule_set.enumeration()
    compiled = CompiledRules(enumeration, rule_set.mapping())
    known = {enumeration.network(address): address for address in rule_set.addresses(4)}

    for src, dst in product(known, known):
        if src is None or dst is None:
            continue
        cells = list(compiled.cases(src, dst))
        rows = [(known[src], cell.src_port, known[dst], cell.dst_port) for cell in cells]
        verdicts = compiled.judge(batch_of(4, rows))
        told = [cell.verdict for cell in cells if cell.verdict]
        assert verdicts.rule.tolist() == [verdict.rule or 0 for verdict in told]
        assert verdicts.decision.tolist() == [verdict.decision for verdict in told]
        assert observed_rules(verdicts) == [verdict.observed for verdict in told]


class Counting(MappingAction):
    """A custom action that records every packet it is asked about."""

    def __init__(self, answer: object) -> None:
        """Record no question yet; `answer` is the answer to all of them."""
        self.answer = answer
        self.questions: list[Packet] = []

    def match(self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int) -> Opinion:
        """Record the question and return the answer."""
        self.questions.append((src_addr, src_port, dst_addr, dst_port))
        return self.answer  # type: ignore[return-value] # rubbish, on purpose


def test_a_custom_action_is_asked_once_for_each_distinct_flow_in_order() -> None:
    """The number of rows of a flow in a batch does not matter; the next batch asks again."""
    own = Counting(None)
    compiled = CompiledRules(WORLD, FlowMapping((None, None, own), (None, None, LowerPort())))
    a, b, c = packet("10.0.0.9:9 > 10.0.0.1:1"), packet("10.0.0.1:2 > 10.0.0.1:1"), packet("10.0.0.1:1 > 10.0.0.1:2")

    compiled.judge(batch_of(4, [a, b, a, c, b, a]))
    compiled.judge(batch_of(4, [a]))

    assert own.questions == [a, b, c, a]
    assert compiled.asked == 4


def test_rules_before_a_custom_action_are_tabulated() -> None:
    """Packets that a built-in action decides are not shown to the custom action after it."""
    own = Counting((None, None, None))
    compiled = CompiledRules(WORLD, FlowMapping((None, "bert", PortMatch({22})), (None, "bert", own)))
    rows = [
        packet("192.0.2.1:9 > 10.0.0.1:22"),
        packet("192.0.2.1:9 > 10.0.0.1:23"),
        packet("10.0.0.1:9 > 192.0.2.1:9"),
    ]

    verdicts = compiled.judge(batch_of(4, rows))

    assert verdicts.decision.tolist() == [Decision.SRC_IS_CLIENT, Decision.DROPPED, Decision.NO_RULE]
    assert own.questions == [rows[1]]
    assert [cell.verdict for cell in compiled.cases(2, 1) if cell.src_port != 22 != cell.dst_port] == [None] * 3


def test_a_custom_action_may_name_any_address_of_either_family() -> None:
    """The answers are kept beside the columns, one for each such row, in the order of the rows."""
    client, service = packet("[2001:db8::]:0 > 203.0.113.0:0")[::2]
    own = Counting((client, service, 7))
    compiled = CompiledRules(WORLD, FlowMapping((None, "bert", own), (None, None, LowerPort())))
    rows = [
        packet("192.0.2.1:9 > 10.0.0.1:22"),
        packet("10.0.0.1:1 > 192.0.2.1:9"),
        packet("192.0.2.1:9 > 10.0.0.1:22"),
    ]

    verdicts = compiled.judge(batch_of(4, rows))

    assert verdicts.decision.tolist() == [Decision.ANSWERED, Decision.DST_IS_CLIENT, Decision.ANSWERED]
    assert verdicts.port.tolist() == [7, 1, 7]
    assert verdicts.answers == (Answer(client, service), Answer(client, service))


def test_the_first_observed_rule_that_is_reached_is_named_beside_the_verdict() -> None:
    """A rule that decides before it hides it, one behind it does not, drops included; nor does it change a verdict."""
    rules = [PortMatch({22}), Observed(PortMatch({443})), Assign(DST, SRC, {53}, drop=True), Observed(PortMatch({80}))]
    compiled = CompiledRules(WORLD, FlowMapping(*((None, "bert", action) for action in rules)))
    rows = [packet(f"192.0.2.1:{port} > 10.0.0.1:9") for port in (22, 443, 53, 80, 9)]
    rows += [packet("10.0.0.1:22 > 192.0.2.1:443")]

    verdicts = compiled.judge(batch_of(4, rows))

    client = Decision.DST_IS_CLIENT
    assert verdicts.decision.tolist() == [client, client, Decision.DROPPED, client, Decision.NO_RULE, Decision.NO_RULE]
    assert verdicts.rule.tolist() == [0, 1, 2, 3, 0, 0]
    assert verdicts.observed.tolist() == [0, 2, 2, 2, 2, 0]
    assert compiled.asked == 0


def test_the_observed_rule_of_a_batch_may_be_the_last_that_there_can_be() -> None:
    """The number after the last rule's fits the column."""
    rules = [(None, "bert", MappingAction())] * (MOST_RULES - 1)
    compiled = CompiledRules(WORLD, FlowMapping(*rules, (None, "bert", Observed())))

    verdicts = compiled.judge(batch_of(4, [packet("192.0.2.1:9 > 10.0.0.1:22")]))

    assert (verdicts.rule.tolist(), verdicts.observed.tolist()) == ([MOST_RULES - 1], [MOST_RULES])


def test_an_action_of_the_operator_inside_observed_is_asked_as_any_other() -> None:
    """It is asked once for each distinct flow; if it fails, the next rule decides, unless there is evidence."""
    own = Counting("rubbish")
    compiled = CompiledRules(WORLD, FlowMapping((None, None, Observed(own)), (None, None, LowerPort())))
    row = packet("10.0.0.9:9 > 10.0.0.1:1")

    verdicts = compiled.judge(batch_of(4, [row, row]))

    assert own.questions == [row]
    assert compiled.failures == {0: 1}
    assert (verdicts.rule.tolist(), verdicts.observed.tolist()) == ([1, 1], [1, 1])


def test_failures_are_counted_by_rule_and_the_last_one_is_kept() -> None:
    """An exception and a malformed answer count as no opinion, and the most recent one is available for the log."""
    rules = [(None, "bert", Counting("rubbish")), (None, None, Counting(1 / 3)), (None, None, LowerPort())]
    compiled = CompiledRules(WORLD, FlowMapping(*rules))
    rows = [packet("192.0.2.1:9 > 10.0.0.1:22"), packet("192.0.2.1:9 > 192.0.2.2:22")]

    verdicts = compiled.judge(batch_of(4, rows))

    assert verdicts.rule.tolist() == [2, 2]
    assert compiled.failures == {0: 1, 1: 2}
    assert compiled.last_failure[0] == "answered 'rubbish', which is not (client, service, port)"


def test_tables_are_shared_and_made_when_a_pair_is_first_seen() -> None:
    """Fifty networks and a hundred rules compile only the tables of the pairs that occur."""
    enumeration = NetworkEnumeration(*((f"n{n}", f"10.0.{n}.0/24") for n in range(50)))
    rules = [(f"n{n % 50}", f"n{n // 2}", Assign(SRC, DST, {n + 1, n + 2})) for n in range(100)]
    compiled = CompiledRules(enumeration, FlowMapping(*rules, (None, None, LowerPort())))

    verdicts = compiled.judge(
        batch_of(4, [packet(f"10.0.{n % 50}.1:9000 > 10.0.{n // 2}.1:{n + 2}") for n in range(100)])
    )

    assert verdicts.rule.tolist() == list(range(100))
    assert compiled.asked == 0


def test_memory_for_tables_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that would exceed the limit is not kept; its packets ask the readable rules."""
    monkeypatch.setattr(tables, "MOST_ELEMENTS", 20)
    compiled = CompiledRules(WORLD, FlowMapping((None, "bert", PortMatch({22})), (None, None, LowerPort())))

    verdicts = compiled.judge(batch_of(4, [packet("192.0.2.1:9 > 10.0.0.1:22")] * 3))

    assert verdicts.rule.tolist() == [0, 0, 0]
    assert compiled.asked == 1


@pytest.mark.parametrize("family", [4, 6])
def test_an_empty_batch_has_no_verdicts(family: Family) -> None:
    """An empty batch gives empty columns of the documented types."""
    verdicts = CompiledRules(WORLD, FlowMapping((None, None, LowerPort()))).judge(batch_of(family, []))

    assert [len(verdicts.decision), len(verdicts.port), len(verdicts.rule), len(verdicts.src_network)] == [0] * 4
    columns = (verdicts.decision, verdicts.port, verdicts.rule, verdicts.src_network, verdicts.dst_network)
    assert [column.dtype for column in columns] == [np.uint8, np.uint16, np.uint16, np.uint16, np.uint16]
