"""Actions: the opinion of each as a table, and their descriptions."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

import pytest

from shodohflo.model import DST, SRC
from shodohflo.rules.actions import (
    DESTINATION,
    DROP,
    SOURCE,
    Assign,
    LowerPort,
    MappingAction,
    Observed,
    PortMatch,
    describe,
    is_built_in,
    why_silent,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.rules.actions import Opinion

S, D = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::")

OPINIONS = [
    (MappingAction(), 53, 53, None),
    (LowerPort(), 22, 40000, (D, S, 22)),
    (LowerPort(), 40000, 22, (S, D, 22)),
    (LowerPort(), 500, 500, (D, S, 500)),
    (LowerPort(DST), 500, 500, (S, D, 500)),
    (LowerPort(DST), 22, 40000, (D, S, 22)),
    (LowerPort(), 0, 0, (D, S, 0)),
    (LowerPort(), 1, 0, (S, D, 0)),
    (PortMatch({80, 443}), 80, 40000, (D, S, 80)),
    (PortMatch({80, 443}), 40000, 443, (S, D, 443)),
    (PortMatch({80, 443}), 80, 443, (D, S, 80)),
    (PortMatch({80, 443}, DST), 80, 443, (S, D, 443)),
    (PortMatch({80, 443}, DST), 80, 40000, (D, S, 80)),
    (PortMatch({80, 443}), 81, 82, None),
    (PortMatch(set()), 0, 80, None),
    (PortMatch({80}, SRC, True), 80, 9, DROP),
    (PortMatch({80}, drop=True), 9, 80, DROP),
    (PortMatch({80}, drop=True), 9, 9, None),
    (Assign(SRC, SRC), 7, 9, (S, D, 7)),
    (Assign(SRC, DST), 7, 9, (S, D, 9)),
    (Assign(DST, SRC), 7, 9, (D, S, 7)),
    (Assign(DST, DST), 7, 9, (D, S, 9)),
    (Assign(DST, DST), 7, 0, (D, S, 0)),
    (Assign(DST, SRC, {7}), 7, 9, (D, S, 7)),
    (Assign(DST, SRC, {9}), 7, 9, None),
    (Assign(DST, SRC, set()), 7, 9, None),
    (Assign(DST, SRC, {7}, True), 7, 9, DROP),
    (Assign(DST, SRC, {9}, drop=True), 7, 9, None),
    (Assign(DST, SRC, drop=True), 7, 9, DROP),
    (Assign(DST, SRC, [], drop=True), 7, 9, None),
    (Observed(), 22, 40000, (D, S, 22)),
    (Observed(), 500, 500, (D, S, 500)),
    (Observed(), 0, 0, (D, S, 0)),
    (Observed(LowerPort(DST)), 500, 500, (S, D, 500)),
    (Observed(otherwise=PortMatch({80})), 40000, 80, (S, D, 80)),
    (Observed(PortMatch({80})), 40000, 81, None),
    (Observed(Assign(SRC, SRC)), 7, 9, (S, D, 7)),
    (Observed(MappingAction()), 7, 9, None),
]


@pytest.mark.parametrize(("action", "src_port", "dst_port", "opinion"), OPINIONS)
def test_each_action_has_the_opinion_of_the_table(
    action: MappingAction, src_port: int, dst_port: int, opinion: Opinion
) -> None:
    """Each action has the opinion in the table, with one IPv4 and one IPv6 address as ends."""
    assert action.match(S, src_port, D, dst_port) == opinion


def test_the_ends_have_two_words_each() -> None:
    """SOURCE and DESTINATION are the same values as SRC and DST."""
    assert (SOURCE, DESTINATION) == (SRC, DST) == ("src", "dst")


MALFORMED: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (LowerPort, ("SRC",), "LowerPort.precedence: 'SRC' is not an end of a packet; write SRC or DST"),
    (LowerPort, (None,), "LowerPort.precedence: None is not an end of a packet; write SRC or DST"),
    (PortMatch, ({80}, "both"), "PortMatch.precedence: 'both' is not an end of a packet; write SRC or DST"),
    (PortMatch, ({80}, True), "PortMatch.precedence: True is not an end of a packet; write SRC or DST"),
    (Assign, ("", SRC), "Assign.client_from: '' is not an end of a packet; write SRC or DST"),
    (Assign, (SRC, {53}), "Assign.port_from: {53} is not an end of a packet; write SRC or DST"),
    (Assign, (SRC, DST, {0}), "Assign.set_of_ports: 0 is not a port (1 to 65535)"),
    (Assign, (SRC, DST, {65536}), "Assign.set_of_ports: 65536 is not a port (1 to 65535)"),
    (Assign, (SRC, DST, ["53"]), "Assign.set_of_ports: '53' is not a port (1 to 65535)"),
    (Assign, (SRC, DST, [53.0]), "Assign.set_of_ports: 53.0 is not a port (1 to 65535)"),
    (PortMatch, ([True],), "PortMatch.set_of_ports: True is not a port (1 to 65535)"),
    (PortMatch, ([None],), "PortMatch.set_of_ports: None is not a port (1 to 65535)"),
    (PortMatch, (53,), "PortMatch.set_of_ports: 53 is not a set of ports; write one like {80, 443}"),
    (PortMatch, ("53",), "PortMatch.set_of_ports: '53' is not a set of ports; write one like {80, 443}"),
    (PortMatch, (None,), "PortMatch.set_of_ports: None is not a set of ports; write one like {80, 443}"),
    (Observed, (None,), "Observed.otherwise: None is not an action; it has no `match`"),
    (Observed, ("drop",), "Observed.otherwise: 'drop' is not an action; it has no `match`"),
    (Observed, (LowerPort,), "Observed.otherwise: LowerPort is a class, not an action; write LowerPort(...)"),
]


@pytest.mark.parametrize(("action", "arguments", "message"), MALFORMED)
def test_a_wrong_argument_is_an_error_that_names_it(
    action: Callable[..., Any], arguments: tuple[Any, ...], message: str
) -> None:
    """The error names the class, the argument, what is wrong and what to write instead."""
    with pytest.raises(ValueError, match=r"^(?:Assign|LowerPort|Observed|PortMatch)\.") as caught:
        action(*arguments)

    assert str(caught.value) == message


@pytest.mark.parametrize("action", [PortMatch({80}, drop=True), Assign(SRC, DST, drop=True)])
def test_observed_refuses_to_drop_what_it_may_record(action: MappingAction) -> None:
    """Evidence comes before `otherwise`: what that drops would be recorded wherever there is evidence."""
    with pytest.raises(ValueError, match=r"Observed\.otherwise: .* drops packets that evidence would record"):
        Observed(action)


def test_observed_refuses_itself() -> None:
    """Where there is no evidence, another `Observed` has none either."""
    with pytest.raises(ValueError, match=r"Observed\.otherwise: .*such as LowerPort\(\)"):
        Observed(Observed())


def test_any_iterable_of_ports_will_do() -> None:
    """Ranges, lists and generators are accepted, and changing the set afterwards does not change the action."""
    ports = {80}
    action = PortMatch(ports)

    ports.add(81)

    assert action.ports == {80}
    assert Assign(SRC, DST, range(1, 4)).ports == PortMatch(n for n in (1, 2, 3)).ports == {1, 2, 3}


class Wordless:
    """A class with nothing but `match` is an action."""

    def match(self, *_: object) -> None:
        """Return None, which is no opinion."""


class Quiet(LowerPort):
    """A subclass whose behaviour is not what the inherited description states."""

    def match(self, *_: object) -> None:
        """Return None, which is no opinion."""


class Wordy(Quiet):
    """A subclass with its own description."""

    def describe(self) -> str:
        """Return the description."""
        return "in my own words"


SENTENCES = [
    (MappingAction(), "no opinion"),
    (LowerPort(), "the end with the lower port is the service, the source if they are equal"),
    (LowerPort(DST), "the end with the lower port is the service, the destination if they are equal"),
    (PortMatch({443, 80}), "the end whose port is 80 or 443 is the service, the source if both are"),
    (PortMatch({22}, DST, drop=True), "dropped if the destination or the source port is 22"),
    (Assign(SRC, DST), "the source is the client and the destination the service, on the destination port"),
    (
        Assign(DST, SRC, {53, 853}),
        "the destination is the client and the source the service, on the source port, if it is 53 or 853",
    ),
    (Assign(DST, SRC, {53}, drop=True), "dropped if the source port is 53"),
    (Assign(DST, SRC, drop=True), "dropped"),
    (Assign(DST, SRC, {7, 22, 80, 81, 9, 8}, drop=True), "dropped if the source port is 7 to 9, 22 or 80 to 81"),
    (Assign(DST, SRC, set(), drop=True), "dropped if the source port is in an empty set (never)"),
    (
        Observed(),
        f"by evidence if there is any, otherwise {LowerPort(SRC).describe()}",
    ),
    (Observed(Assign(SRC, DST, {22})), f"by evidence if there is any, otherwise {Assign(SRC, DST, {22}).describe()}"),
    (Observed(MappingAction()), "by evidence if there is any, otherwise no opinion"),
    (Observed(Wordless()), "by evidence if there is any, otherwise as Wordless decides"),
    (Observed(Wordy()), "by evidence if there is any, otherwise in my own words"),
    (Wordless(), "as Wordless decides"),
    (Quiet(), "as Quiet decides"),
    (Wordy(), "in my own words"),
]


@pytest.mark.parametrize(("action", "sentence"), SENTENCES)
def test_an_action_describes_itself(action: object, sentence: str) -> None:
    """`describe` returns the description of any action, custom actions included."""
    assert describe(action) == sentence


@pytest.mark.parametrize("action", [action for action, *_ in OPINIONS])
def test_built_in_actions_are_recognised(action: object) -> None:
    """The built-in actions are recognised as such."""
    assert is_built_in(action)


def test_a_modified_action_is_not_built_in() -> None:
    """Subclasses, other classes and actions with a replaced `match` are not built-in."""
    patched = LowerPort()
    patched.match = lambda *_: None  # type: ignore[method-assign] # what an operator might try

    own = (Wordless(), Quiet(), Wordy(), patched)
    assert not any(is_built_in(action) for action in own)
    assert not any(is_built_in(Observed(action)) for action in own)


@pytest.mark.parametrize(
    ("action", "code", "silence"),
    [
        (MappingAction(), "MappingAction()", "it never has an opinion"),
        (PortMatch({443, 80}, DST), "PortMatch({80, 443}, DST)", "neither 1 nor 2 is one of its ports"),
        (PortMatch((), drop=True), "PortMatch((), SRC, drop=True)", "neither 1 nor 2 is one of its ports"),
        (Assign(DST, SRC, {53}), "Assign(DST, SRC, {53})", "the source port, 1, is not one of its ports"),
        (Assign(SRC, DST, {53}), "Assign(SRC, DST, {53})", "the destination port, 2, is not one of its ports"),
        (
            Observed(PortMatch({80})),
            "Observed(otherwise=PortMatch({80}, SRC))",
            "without evidence, neither 1 nor 2 is one of its ports",
        ),
        (
            Observed(MappingAction()),
            "Observed(otherwise=MappingAction())",
            "without evidence, it never has an opinion",
        ),
    ],
)
def test_a_silent_action_gives_its_reason_and_its_source(action: MappingAction, code: str, silence: str) -> None:
    """`explain` prints the reason, and `suggest` the source, which evaluates to an equal action."""
    assert action.match(S, 1, D, 2) is None
    assert action.why_silent(1, 2) == silence
    assert action.to_code() == code
    assert eval(code).to_code() == code


def test_an_action_with_an_opinion_on_everything_has_its_source_too() -> None:
    """`LowerPort` has a source, although it always has an opinion."""
    assert LowerPort(DST).to_code() == "LowerPort(DST)"
    assert Observed().to_code() == "Observed(otherwise=LowerPort(SRC))"


def test_an_action_of_the_operator_has_no_reason_to_give() -> None:
    """`explain` says as much of any action as is known, also of one inside `Observed`."""
    assert [why_silent(action, 1, 2) for action in (Quiet(), Observed(Quiet()), PortMatch({80}))] == [
        "it has no opinion on this packet",
        "without evidence, it has no opinion on this packet",
        "neither 1 nor 2 is one of its ports",
    ]
