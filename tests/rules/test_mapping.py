"""Rules are tried in order, the first opinion decides, and a failing custom action does not end the agent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.values import LONGEST_TEXT
from shodohflo.model import DST, SRC, Rung
from shodohflo.rules.actions import Assign, LowerPort, MappingAction, Observed, PortMatch
from shodohflo.rules.mapping import LONGEST_SENTENCE, MOST_RULES, FlowMapping, Verdict
from shodohflo.rules.networks import NetworkEnumeration
from shodohflo.rules.verdicts import Decision
from support.rule_sets import (
    DROP,
    OPERATORS,
    OURS,
    Packet,
    RuleSet,
    observed_by,
    packet,
    packets,
    rule_sets,
    second_opinion,
)

WORLD = NetworkEnumeration(("bert", "10.0.0.1/32"), ("ernie", "10.0.0.2/32"), ("external", "0.0.0.0/0"))

TO_BERT = packet("192.0.2.1:40000 > 10.0.0.1:22")


@given(st.data(), rule_sets(OURS | OPERATORS), st.sampled_from([4, 6]))
def test_the_readable_rules_agree_with_the_contract(data: st.DataObject, rule_set: RuleSet, family: Any) -> None:  # noqa: ANN401 - hypothesis gives an int
    """`decide` names the rule and the ends; `match` gives the same ends without the rule."""
    mapping = rule_set.mapping().number_networks(rule_set.enumeration())

    for each in data.draw(packets(rule_set, family)):
        expected, rule = second_opinion(rule_set, each)
        verdict = mapping.decide(*each)

        assert verdict.rule == rule
        assert verdict.observed == observed_by(rule_set, each)
        assert mapping.match(*each) == (expected if isinstance(expected, tuple) else None)
        assert (verdict.decision == Decision.DROPPED) == (expected == DROP)
        assert (verdict.decision == Decision.NO_NETWORK) == (expected == "no network")
        assert (verdict.decision == Decision.NO_RULE) == (expected == "no rule")


def test_number_networks_returns_the_mapping_itself() -> None:
    """Numbering and the first match can be written in one expression."""
    mapping = FlowMapping((None, "bert", LowerPort()))

    numbered = mapping.number_networks(WORLD)

    assert numbered is mapping
    assert mapping.match(*TO_BERT) == (TO_BERT[0], TO_BERT[2], 22)


def test_matching_before_numbering_is_an_error() -> None:
    """`match` raises ValueError until `number_networks` has resolved the network names."""
    with pytest.raises(ValueError, match="number_networks"):
        FlowMapping((None, "bert", LowerPort())).match(*TO_BERT)


def test_none_is_any_network_of_the_enumeration_only() -> None:
    """No rule is tried for a packet with one end in no network."""
    enumeration = NetworkEnumeration(("bert", "10.0.0.1/32"))
    mapping = FlowMapping((None, None, LowerPort())).number_networks(enumeration)

    verdict = mapping.decide(*TO_BERT)

    assert verdict == Verdict(Decision.NO_NETWORK)


def test_a_drop_stops_the_search() -> None:
    """The verdict names the dropping rule, and a later rule that would have an opinion is not tried."""
    mapping = FlowMapping((None, "bert", PortMatch({22}, drop=True)), (None, None, LowerPort())).number_networks(WORLD)

    assert mapping.decide(*TO_BERT) == Verdict(Decision.DROPPED, 0)
    assert mapping.match(*TO_BERT) is None


def test_an_observed_rule_is_named_beside_the_verdict_of_a_later_one() -> None:
    """Where it has no opinion without evidence, the next rule decides, and a rule before it hides it."""
    observed, drop = (None, "bert", Observed(PortMatch({443}))), (None, None, PortMatch({22}, drop=True))

    before = FlowMapping(observed, drop).number_networks(WORLD).decide(*TO_BERT)
    behind = FlowMapping(drop, observed).number_networks(WORLD).decide(*TO_BERT)
    alone = FlowMapping(observed).number_networks(WORLD).decide(*TO_BERT)

    assert before == Verdict(Decision.DROPPED, 1, observed=0)
    assert behind == Verdict(Decision.DROPPED, 0)
    assert alone == Verdict(Decision.NO_RULE, observed=0)


def test_rungs_tell_rules_about_ports_from_the_word_of_the_operator() -> None:
    """An `Observed` rule has that of its `otherwise`; an action that only looks like ours is the operator's."""
    patched = LowerPort()
    patched.match = lambda *_: None  # type: ignore[method-assign] # what an operator might try
    ports = [LowerPort(), PortMatch({22}), Assign(SRC, DST, {22}), Observed(), Observed(Assign(DST, SRC, {1}))]
    words = [Assign(SRC, DST), Says(None), patched, Observed(Assign(SRC, DST)), Observed(Says(None)), Observed(patched)]

    mapping = FlowMapping(*((None, None, action) for action in ports + words))

    assert mapping.rungs == (Rung.GUESSED,) * len(ports) + (Rung.RULE,) * len(words)


UNKNOWN = [
    ((("bret", None),), "[0]: there is no network 'bret' in NETWORK_ENUMERATION; did you mean 'bert'?"),
    (((None, None), (None, "erni")), "[1]: there is no network 'erni' in NETWORK_ENUMERATION; did you mean 'ernie'?"),
    (((None, "External"),), "[0]: there is no network 'External' in NETWORK_ENUMERATION; did you mean 'external'?"),
    (((None, "ernie"), ("", None)), "[1]: there is no network '' in NETWORK_ENUMERATION; did you mean 'external'?"),
]


@pytest.mark.parametrize(("pairs", "message"), UNKNOWN)
def test_an_unknown_network_is_an_error_with_the_nearest_name(pairs: tuple[tuple[str, str], ...], message: str) -> None:
    """The error names the rule, the unknown name and the closest known name."""
    mapping = FlowMapping(*((src, dst, LowerPort()) for src, dst in pairs))

    with pytest.raises(ValueError, match="FLOW_MAPPING") as caught:
        mapping.number_networks(WORLD)

    assert str(caught.value) == f"FLOW_MAPPING{message}"


def test_an_empty_enumeration_has_no_nearest_name() -> None:
    """The error states that the enumeration is empty."""
    with pytest.raises(ValueError, match=r"FLOW_MAPPING\[0\]: there is no network 'bert' in .*; it is empty"):
        FlowMapping(("bert", None, LowerPort())).number_networks(NetworkEnumeration())


MALFORMED = [
    (("bert", None), "('bert', None) is not a rule; write (source network, destination network, action)"),
    (None, "None is not a rule; write (source network, destination network, action)"),
    ((None, 7, LowerPort()), "7 is not a network; write its name, or None for any"),
    (((), None, LowerPort()), "() is not a network; write its name, or None for any"),
    ((None, None, LowerPort), "LowerPort is a class, not an action; write LowerPort(...)"),
    ((None, None, "drop"), "'drop' is not an action; it has no `match`"),
    ((None, None, None), "None is not an action; it has no `match`"),
]


@pytest.mark.parametrize(("rule", "message"), MALFORMED)
def test_a_malformed_rule_is_an_error_with_its_number(rule: object, message: str) -> None:
    """The error begins with FLOW_MAPPING[n]."""
    with pytest.raises(ValueError, match="FLOW_MAPPING") as caught:
        FlowMapping((None, None, LowerPort()), rule)

    assert str(caught.value) == f"FLOW_MAPPING[1]: {message}"


def test_too_many_rules_are_an_error() -> None:
    """More rules than fit in 16 bits, with one value to spare, are an error."""
    with pytest.raises(ValueError, match="65536 rules are too many"):
        FlowMapping(*[(None, None, LowerPort())] * (MOST_RULES + 1))


class Unprintable:
    """A malformed answer whose `repr` raises."""

    def __repr__(self) -> str:
        """Raise an exception."""
        raise RuntimeError


class Says(MappingAction):
    """An action that returns the same answer for every packet, or raises it."""

    def __init__(self, answer: Any) -> None:  # noqa: ANN401 - malformed answers too
        """Store the answer."""
        self.answer = answer

    def match(self, *_: object) -> Any:  # noqa: ANN401 - as above
        """Return the answer, or raise it if it is an exception."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


HERE, THERE = TO_BERT[0], TO_BERT[2]

NO_ANSWERS: list[Any] = [
    *("rubbish", 0, False, (), (None,), (None, None, 1), (HERE, None, None), (None, HERE, 53), (HERE, THERE, None)),
    *((HERE, THERE), (HERE, THERE, 53, 53), (HERE, THERE, -1), (HERE, THERE, 65536), (HERE, THERE, 53.0)),
    *((HERE, THERE, True), (str(HERE), THERE, 53), {"client": HERE}, Unprintable(), Packet),
    *(ZeroDivisionError("no"), RecursionError(), KeyError(Unprintable)),
]


@pytest.mark.parametrize("answer", NO_ANSWERS, ids=lambda answer: type(answer).__name__)
def test_an_exception_or_a_malformed_answer_is_counted_and_is_no_opinion(answer: object) -> None:
    """A failure is counted and has a text for the log, and the next rule is tried."""
    mapping = FlowMapping((None, "bert", Says(answer)), (None, None, LowerPort())).number_networks(WORLD)

    verdicts = [mapping.decide(*TO_BERT) for _ in range(3)]

    assert {verdict.rule for verdict in verdicts} == {1}
    assert mapping.failures == {0: 3}
    assert mapping.last_failure[0].startswith(("answered ", "raised "))


def test_the_text_of_a_failure_names_the_line_that_raised_it() -> None:
    """The line is that of the custom action, not one of the library."""
    mapping = FlowMapping((None, None, Says(KeyError("port")))).number_networks(WORLD)

    mapping.decide(*TO_BERT)

    line = Says.match.__code__.co_firstlineno + 3
    assert mapping.last_failure == {0: f"raised KeyError: 'port' ({__file__}, line {line})"}


def test_the_text_of_a_failure_is_one_line() -> None:
    """The text fits one log record, whatever the exception contains."""
    mapping = FlowMapping((None, None, Says(ValueError("one\ntwo\r\nthree")))).number_networks(WORLD)

    mapping.decide(*TO_BERT)

    assert mapping.last_failure[0].startswith("raised ValueError: one two three (")


ANSWERS: list[tuple[Any, Verdict]] = [
    ((None, None, None), Verdict(Decision.DROPPED, 0)),
    ((HERE, THERE, 7), Verdict(Decision.SRC_IS_CLIENT, 0, HERE, THERE, 7)),
    ([THERE, HERE, 0], Verdict(Decision.DST_IS_CLIENT, 0, THERE, HERE, 0)),
    ((HERE, HERE, 65535), Verdict(Decision.ANSWERED, 0, HERE, HERE, 65535)),
]


@pytest.mark.parametrize(("answer", "verdict"), ANSWERS)
def test_the_ends_of_a_custom_answer_are_kept(answer: object, verdict: Verdict) -> None:
    """The ends of the packet are recognised as such; any others are kept as they are."""
    mapping = FlowMapping((None, None, Says(answer))).number_networks(WORLD)

    assert mapping.decide(*TO_BERT) == verdict


def test_a_rule_describes_itself_in_one_sentence() -> None:
    """The sentence has the networks first, then the description of the action."""
    mapping = FlowMapping(("external", "bert", Assign(SRC, SRC, {53}, drop=True)), (None, "bert", Says(None)))

    assert [rule.describe() for rule in mapping.rules] == [
        "from external to bert: dropped if the source port is 53",
        "from any network to bert: as Says decides",
    ]


def test_a_sentence_fits_what_readers_take() -> None:
    """The sentence of a rule with thousands of ports is cut, so that readers do not take it for damage."""
    mapping = FlowMapping((None, None, PortMatch(set(range(1000, 5000, 2)))), (None, None, LowerPort()))

    long, short = mapping.sentences

    assert len(long) == LONGEST_SENTENCE < LONGEST_TEXT
    assert long.endswith("...")
    assert short == mapping.rules[1].describe()
