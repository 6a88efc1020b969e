"""Comparisons: each change is real, and together they account for the difference in keys."""

from __future__ import annotations

import json
from collections import Counter
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.analysis.compare import Change, Comparison, Difference
from shodohflo.analysis.explain import explain
from shodohflo.analysis.frame import to_frames
from shodohflo.attribution.evidence.evidence import Evidence
from shodohflo.attribution.ledger import Outcome
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.attribution.policy import IgnoredFlow, Policy
from shodohflo.capture.files.savefile import open_savefile
from shodohflo.errors import CaptureError
from shodohflo.pcap_config import DST, SRC, Assign, FlowMapping, LowerPort, NetworkEnumeration, Observed, PortMatch
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.packet import Packet
from support.made_packets import FAMILIES, packets, policies
from support.rule_sets import OPERATORS, OURS, RuleSet, rule_sets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

US = ip_network("192.168.0.0/16")
NETWORKS = NetworkEnumeration(("ours", US, "fd00::/8"), ("all", "0.0.0.0/0", "::/0"))
OLD = FlowMapping((None, "ours", LowerPort(SRC)), ("ours", None, LowerPort(DST)))
POLICY = Policy((US,))


def pipeline(mapping: FlowMapping, policy: Policy = POLICY) -> Pipeline:
    """Return a pipeline with those rules."""
    return Pipeline(CompiledRules(NETWORKS, mapping), policy)


def compared(old: Pipeline, new: Pipeline, *texts: str) -> Difference:
    """Compare two pipelines over packets written as text."""
    comparison = Comparison(old, new)
    comparison.ingest(to_frames([Packet.from_text(text) for text in texts]))
    return comparison.difference()


def brief(change: Change) -> tuple[str, int, str | None, str | None]:
    """Return kind, packets and keys of a change."""
    return change.what, change.packets, change.old.key, change.new.key


WEB, NAMES, SHELL = (
    "8.8.8.8:443 > 192.168.0.1:40000 tcp",
    "8.8.8.8:53 > 192.168.0.1:40000 udp",
    "192.168.0.1:40000 > 192.168.0.2:22 tcp",
)
OTHERS = "8.8.8.8:53 > 9.9.9.9:40000 udp"
FLOW = "192.168.0.1;8.8.8.8;{};flow"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([(None, "ours", LowerPort(SRC)), ("ours", None, LowerPort(DST))], []),
        (
            [(None, None, PortMatch({53}, drop=True)), (None, "ours", LowerPort(SRC))],
            [("newly dropped", 2, FLOW.format(53), None)],
        ),
        ([(None, None, LowerPort())], [("newly recorded", 1, None, "9.9.9.9;8.8.8.8;53;flow")]),
        (
            [(None, "ours", PortMatch({53, 22})), (None, "ours", Assign(SRC, SRC, {443}))],
            [("exchanged", 1, FLOW.format(443), "8.8.8.8;192.168.0.1;443;flow")],
        ),
        (
            [(None, "ours", PortMatch({53, 22})), (None, "ours", Assign(DST, DST, {40000}))],
            [("moved", 1, FLOW.format(443), FLOW.format(40000))],
        ),
        (
            [(None, "ours", PortMatch({22, 443}))],
            [("no longer recorded", 2, FLOW.format(53), None)],
        ),
    ],
)
def test_each_kind_of_change_has_its_name(
    rules: list[tuple[str | None, str | None, object]], expected: list[tuple[str, int, str | None, str | None]]
) -> None:
    """Each change has its kind, its packets and both keys."""
    difference = compared(pipeline(OLD), pipeline(FlowMapping(*rules)), WEB, NAMES, NAMES, SHELL, OTHERS)

    assert [brief(change) for change in difference.changes] == expected
    assert difference.packets == 5
    assert difference.is_none == (not expected)
    assert difference.inside == {}


def test_both_sides_name_the_rule_that_decides() -> None:
    """Both sides name their deciding rule with its description."""
    new = FlowMapping(("all", "ours", Assign(DST, SRC, {53}, drop=True)), (None, "ours", LowerPort(SRC)))

    (change,) = compared(pipeline(OLD), pipeline(new), NAMES, WEB).changes

    assert (change.old.outcome, change.old.rule) == ("recorded.flow", "FLOW_MAPPING[0]")
    assert change.old.sentence == OLD.rules[0].describe()
    assert (change.new.outcome, change.new.rule) == ("dropped.FLOW_MAPPING[0]", "FLOW_MAPPING[0]")
    assert change.new.sentence == "from all to ours: dropped if the source port is 53"


def test_settings_make_changes_too() -> None:
    """IGNORE_FLOW and SUPPRESS_OWN_NETWORK in only one configuration make changes."""
    ignoring = Policy((US,), ignored=(IgnoredFlow(ip_network("8.8.8.8/32"), 443),))
    suppressing = Policy((US,), suppress_own_network=True)

    hidden = compared(pipeline(OLD), pipeline(OLD, ignoring), WEB, SHELL)
    shown = compared(pipeline(OLD, ignoring), pipeline(OLD), WEB, SHELL)
    suppressed = compared(pipeline(OLD), pipeline(OLD, suppressing), WEB, SHELL)

    assert [brief(change) for change in hidden.changes] == [("newly ignored", 1, FLOW.format(443), None)]
    assert [brief(change) for change in shown.changes] == [("no longer ignored", 1, None, FLOW.format(443))]
    assert [brief(change) for change in suppressed.changes] == [
        ("no longer recorded", 1, "192.168.0.1;192.168.0.2;22;flow", None)
    ]
    assert suppressed.changes[0].new.outcome == "own_network"


def test_keys_are_added_gone_and_recounted() -> None:
    """The keys of all kinds are compared, with their counts."""
    new = FlowMapping((None, None, PortMatch({443}, drop=True)), (None, None, LowerPort()))

    difference = compared(pipeline(OLD), pipeline(new), WEB, NAMES, NAMES, OTHERS)

    assert difference.added == {
        "8.8.8.8;9.9.9.9;peer": 1,
        "9.9.9.9;8.8.8.8;53;flow": 1,
        "9.9.9.9;8.8.8.8;peer": 1,
        "client;9.9.9.9": 1,
    }
    assert difference.gone == {FLOW.format(443): 1}
    assert difference.recounted == {
        "192.168.0.1;8.8.8.8;peer": (3, 2),
        "8.8.8.8;192.168.0.1;peer": (3, 2),
        "client;192.168.0.1": (3, 2),
    }
    assert json.loads(json.dumps(difference.as_dict()))["recounted"]["client;192.168.0.1"] == [3, 2]


@given(st.data())
def test_the_changes_explain_the_whole_difference(data: st.DataObject) -> None:
    """For any two rule sets, the changes are those that `explain` gives for each packet, and nothing is left over."""
    one, other = data.draw(rule_sets(OURS | OPERATORS)), data.draw(rule_sets(OURS | OPERATORS))
    family = data.draw(st.sampled_from(FAMILIES))
    addresses = st.sampled_from(sorted({*one.addresses(family), *other.addresses(family)}))
    some = data.draw(st.lists(packets(addresses), max_size=20))
    settings = [(one, data.draw(policies(one))), (other, data.draw(policies(one)))]
    # Both get the same networks of ours, which are an argument of the comparison, not of the configurations.
    settings[1] = (other, Policy(settings[0][1].our_nets, *_own_settings(settings[1][1])))

    comparison = Comparison(*(_pipeline(rule_set, policy) for rule_set, policy in settings))
    comparison.ingest(to_frames([*some, *some[::2]]))
    difference = comparison.difference()

    assert difference.inside == {}
    expected: Counter[tuple[tuple[str, str | None], ...]] = Counter()
    for packet in [*some, *some[::2]]:
        sides = tuple(_side(packet, rule_set, policy) for rule_set, policy in settings)
        if sides[0] != sides[1]:
            expected[sides] += 1
    found: Counter[tuple[tuple[str, str | None], ...]] = Counter()
    for change in difference.changes:
        sides = ((_recorded(change.old.outcome), change.old.key), (_recorded(change.new.outcome), change.new.key))
        if sides[0] != sides[1]:
            found[sides] += change.packets
    assert found == expected
    assert difference.is_none == (not difference.changes)


def _own_settings(policy: Policy) -> tuple[bool, tuple[IgnoredFlow, ...]]:
    return policy.suppress_own_network, policy.ignored


def _pipeline(rule_set: RuleSet, policy: Policy) -> Pipeline:
    return Pipeline(CompiledRules(rule_set.enumeration(), rule_set.mapping()), policy)


def _side(packet: Packet, rule_set: RuleSet, policy: Policy) -> tuple[str, str | None]:
    told = explain(packet, rule_set.enumeration(), rule_set.mapping(), policy)
    return _recorded(told.outcome), next((key for key in told.keys if key.endswith(";flow")), None)


def _recorded(outcome: str) -> str:
    """Return the outcome if packets are recorded under it, else an empty text."""
    return outcome if outcome in (Outcome.FLOW, Outcome.FLOW_IGNORED, Outcome.RESET, Outcome.UNREACHABLE) else ""


def _with_evidence(rules: CompiledRules, policy: Policy) -> Pipeline:
    return Pipeline(rules, policy, Evidence(4 * 2**20, policy.our_nets))


def _in_batches(both: Sequence[Pipeline], parts: Sequence[Sequence[Packet]]) -> Difference:
    """Compare two pipelines that decide about one part after the other, so that evidence may come late."""
    comparison = Comparison(*both)
    for some in parts:
        comparison.ingest(to_frames(some))
        for each in both:
            each.settle()
    return comparison.difference()


@given(st.data())
def test_the_changes_explain_the_whole_difference_with_evidence_too(data: st.DataObject) -> None:
    """What is corrected later is found under the right key, whether one side goes by evidence, or both do."""
    one, other = data.draw(rule_sets(OURS | OPERATORS)), data.draw(rule_sets(OURS | OPERATORS))
    family = data.draw(st.sampled_from(FAMILIES))
    addresses = st.sampled_from(sorted({*one.addresses(family), *other.addresses(family)})[:4])
    parts = data.draw(st.lists(st.lists(packets(addresses), max_size=15), min_size=1, max_size=4))
    policy = data.draw(policies(one))
    both = [CompiledRules(each.enumeration(), each.mapping()) for each in (one, other)]

    difference = _in_batches([_with_evidence(rules, policy) for rules in both], parts)

    assert difference.inside == {}
    assert difference.is_none == (not difference.changes)


ANSWER = "8.8.8.8:50051 > 192.168.0.1:40000 tcp syn ack"
DATA = "192.168.0.1:40000 > 8.8.8.8:50051 tcp"
GUESS, TRUTH = "8.8.8.8;192.168.0.1;40000;flow", "192.168.0.1;8.8.8.8;50051;flow"
OBSERVING = FlowMapping((None, None, Observed()))


@pytest.mark.parametrize("late", [False, True], ids=["at once", "corrected"])
def test_evidence_exchanges_what_the_lower_port_turns_round(late: bool) -> None:  # noqa: FBT001 - as drawn
    """Data that came before any evidence is told under the key to which it was moved."""
    new = _with_evidence(CompiledRules(NETWORKS, OBSERVING), POLICY)
    batches = [[DATA, DATA], [ANSWER, DATA]] if late else [[ANSWER, DATA, DATA, DATA]]

    difference = _in_batches([pipeline(OLD), new], [list(map(Packet.from_text, texts)) for texts in batches])

    assert [brief(change) for change in difference.changes] == [("exchanged", 3, GUESS, TRUTH)]
    assert [change.new.evidence for change in difference.changes] == ["handshake"]
    assert [change.old.evidence for change in difference.changes] == ["guessed"]
    assert (difference.added[TRUTH], difference.gone[GUESS], difference.inside) == (3, 3, {})


def test_what_is_moved_back_to_where_it_was_is_no_change() -> None:
    """The same rules with the same evidence record the same."""
    both = [_with_evidence(CompiledRules(NETWORKS, OBSERVING), POLICY) for _ in range(2)]

    difference = _in_batches(both, [[Packet.from_text(text)] for text in (DATA, ANSWER, DATA)])

    assert difference.is_none
    assert TRUTH in difference.new


EVIDENT = FlowMapping((None, None, Assign(DST, SRC, {53, 80}, drop=True)), (None, None, Observed(LowerPort(DST))))


@pytest.mark.parametrize("evidence", [False, True])
def test_nothing_is_left_unexplained_on_any_capture(shipped_captures: Path, evidence: bool) -> None:  # noqa: FBT001 - as drawn
    """The changes account for all differences on every shipped capture."""
    changed = 0
    for path in sorted(shipped_captures.glob("*.pcap*")):
        rules = CompiledRules(NETWORKS, EVIDENT)
        new = _with_evidence(rules, POLICY) if evidence else Pipeline(rules, POLICY)
        comparison = Comparison(pipeline(OLD), new)
        with open_savefile(str(path)) as savefile:
            _ingest_all(comparison, savefile)

        difference = comparison.difference()

        assert difference.inside == {}, path
        assert difference.is_none == (difference.old == difference.new)
        changed += not difference.is_none
    assert changed > 10


def _ingest_all(comparison: Comparison, savefile: Any) -> None:  # noqa: ANN401 - what yields frames
    try:
        for frames in savefile:
            comparison.ingest(frames)
    except CaptureError:
        pass  # a cut one is compared as far as it goes


def test_what_only_one_of_them_looks_into_is_told_apart(shipped_captures: Path) -> None:
    """Packets in tunnels that only one side decodes are reported apart from changes."""
    anything = FlowMapping((None, None, LowerPort()))
    comparison = Comparison(pipeline(anything), pipeline(anything, Policy((US,), tunnels=frozenset({"gtpu"}))))
    with open_savefile(str(shipped_captures / "zeek-gtp1_gn_normal_incl_fragmentation.pcap")) as savefile:
        _ingest_all(comparison, savefile)

    difference = comparison.difference()

    assert difference.changes == ()
    assert set(difference.inside) == {key for key in difference.added if key.endswith((";flow", ";rst", ";icmp"))}
    assert difference.inside
    assert not difference.is_none
