"""The vocabulary of configurations behaves as its reference states, including the worked example from the notes."""

from __future__ import annotations

import pydoc
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from shodohflo import pcap_config
from shodohflo.model import Rung, address_text
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.defaults import default_enumeration, default_mapping
from shodohflo.rules.mapping import FlowMapping, Verdict
from shodohflo.rules.networks import NetworkEnumeration
from shodohflo.rules.verdicts import Decision
from support.rule_sets import batch_of, our_nets, packet

NOTES = Path(__file__).parents[1] / "examples" / "notes.py"

PUBLIC = [
    *("NetworkEnumeration", "FlowMapping", "MappingAction", "PortMatch", "Assign", "LowerPort", "Observed"),
    *("SRC", "SOURCE", "DST", "DESTINATION", "OUR_4NETS", "OUR_6NETS", "update_our_nets"),
]

DOCUMENTATION = str(pcap_config.__doc__)

WORKED = re.findall(r"^    (\S+:\d+ > \S+:\d+) {2,}(.+)$", DOCUMENTATION, re.MULTILINE)
"""The rows of the reference's table."""


def notes() -> tuple[NetworkEnumeration, FlowMapping]:
    """Load the configuration from the notes."""
    names: dict[str, Any] = {}
    exec(NOTES.read_text(encoding="utf-8"), names)
    return names["NETWORK_ENUMERATION"], names["FLOW_MAPPING"]


def blocks() -> list[str]:
    """Return the code blocks of the reference that begin with an import."""
    return [dedent(piece) for piece in re.findall(r"(?ms)^    from shodohflo.*?(?=^\S)", DOCUMENTATION)]


def recorded(verdict: Verdict) -> str:
    """Return a verdict in the notation of the reference."""
    match verdict.decision:
        case Decision.NO_NETWORK:
            return "nothing: no network"
        case Decision.NO_RULE:
            return "nothing: no rule"
        case Decision.DROPPED:
            return f"dropped by FLOW_MAPPING[{verdict.rule}]"
    assert verdict.client is not None
    assert verdict.service is not None
    flow = f"{address_text(verdict.client)};{address_text(verdict.service)};{verdict.port}"
    return f"{flow} by FLOW_MAPPING[{verdict.rule}]"


def test_the_public_names_are_those_of_the_contract() -> None:
    """The module exports exactly the names of the contract."""
    assert sorted(pcap_config.__all__) == sorted(PUBLIC)
    assert all(hasattr(pcap_config, name) for name in PUBLIC)


@pytest.mark.parametrize(("received", "outcome"), WORKED)
def test_the_notes_example_does_what_the_reference_says(received: str, outcome: str) -> None:
    """Each row of the reference's table holds for the readable rules and for the compiled ones."""
    with our_nets("192.168.0.0/16"):
        enumeration, mapping = notes()
        verdict = mapping.number_networks(enumeration).decide(*packet(received))
        compiled = CompiledRules(enumeration, mapping)

    row = packet(received)
    verdicts = compiled.judge(batch_of(4 if row[0].version == 4 else 6, [row]))

    assert recorded(verdict) == outcome.strip()
    assert (verdicts.decision[0], verdicts.rule[0]) == (verdict.decision, verdict.rule or 0)


def test_the_table_of_the_reference_is_complete() -> None:
    """The pattern that reads the reference's table finds all nine rows."""
    assert len(WORKED) == 9


SWALLOWED = [
    ("198.51.100.9:53 > 10.0.0.1:40000", "10.0.0.1;198.51.100.9;53 by FLOW_MAPPING[0]"),
    ("198.51.100.9:40000 > 10.0.0.1:443", "198.51.100.9;10.0.0.1;443 by FLOW_MAPPING[0]"),
    ("198.51.100.9:40000 > 10.0.0.1:22", "198.51.100.9;10.0.0.1;22 by FLOW_MAPPING[0]"),
    ("10.0.0.1:40000 > 198.51.100.9:22", "10.0.0.1;198.51.100.9;22 by FLOW_MAPPING[1]"),
]


@pytest.mark.parametrize(("received", "outcome"), SWALLOWED)
def test_with_our_networks_around_bert_the_last_four_rules_never_match(received: str, outcome: str) -> None:
    """If our networks contain bert, the first two rules decide in place of the last four, as the reference warns."""
    with our_nets("10.0.0.0/8"):
        enumeration, mapping = notes()
        verdict = mapping.number_networks(enumeration).decide(*packet(received))

    assert recorded(verdict) == outcome


def test_the_reference_shows_the_notes_example() -> None:
    """The first code block of the reference makes the same networks and rules as the notes."""
    names: dict[str, Any] = {}
    exec(blocks()[0], names)

    enumeration, mapping = notes()

    assert names["NETWORK_ENUMERATION"].entries == enumeration.entries
    assert [rule.describe() for rule in names["FLOW_MAPPING"].rules] == [rule.describe() for rule in mapping.rules]


def test_the_reference_shows_the_defaults() -> None:
    """The last code block of the reference makes the default networks and rules."""
    names: dict[str, Any] = {}
    exec(blocks()[-1], names)

    assert names["NETWORK_ENUMERATION"].entries == default_enumeration().entries
    assert [rule.describe() for rule in names["FLOW_MAPPING"].rules] == [
        rule.describe() for rule in default_mapping().rules
    ]


def test_the_references_own_action_works() -> None:
    """The custom action in the reference works as its text states."""
    names: dict[str, Any] = {}
    exec(blocks()[2], names)
    enumeration = NetworkEnumeration(("all", "0.0.0.0/0"))
    mapping = FlowMapping((None, None, names["Resolver"]())).number_networks(enumeration)

    seen = ["192.0.2.1:20 > 10.0.0.1:53", "10.0.0.1:53 > 192.0.2.1:20", "192.0.2.1:20 > 10.0.0.1:54"]

    asked = (packet("192.0.2.1:0 > 10.0.0.1:0")[0], packet("192.0.2.1:0 > 10.0.0.1:0")[2], 53)
    assert [mapping.match(*packet(text)) for text in seen] == [asked, asked, None]


def test_the_example_of_evidence_guesses_as_the_reference_says() -> None:
    """Without evidence, its rules turn the service round, and each of those packets reaches a rule that asks for it."""
    names: dict[str, Any] = {}
    exec(blocks()[1], names)
    packets = re.findall(r"^    (\S+ > \S+) tcp ack {2,}(\S+) {2,}(\S+)$", DOCUMENTATION, re.MULTILINE)

    with our_nets("192.168.0.0/16"):
        mapping = names["FLOW_MAPPING"].number_networks(names["NETWORK_ENUMERATION"])
        decided = [mapping.decide(*packet(received)) for received, *_ in packets]
        transfer = mapping.decide(*packet("192.168.1.5:20 > 198.51.100.9:54321"))

    assert [recorded(verdict) for verdict in decided] == [f"{guess} by FLOW_MAPPING[2]" for *_, guess in packets]
    assert [verdict.observed for verdict in decided] == [2, 2]
    assert {truth for _, truth, _ in packets} == {"198.51.100.9;192.168.1.5;54321"}
    assert (recorded(transfer), transfer.observed) == ("198.51.100.9;192.168.1.5;20 by FLOW_MAPPING[1]", None)


def test_the_reference_names_every_rung_of_evidence_in_order() -> None:
    """The words are those that the listings show."""
    section = DOCUMENTATION.split("What counts as evidence")[1].lower()
    proofs = [rung.word for rung in Rung if Rung.NONE < rung < Rung.GUESSED]
    places = [re.search(rf"\.\s{word}:", section) for word in proofs]

    assert None not in places
    assert places == sorted(places, key=lambda found: found.start() if found else -1)


def test_pydoc_shows_every_public_name() -> None:
    """`pydoc shodohflo.pcap_config`, the operator's reference, shows every public name."""
    page = pydoc.render_doc(pcap_config, renderer=pydoc.plaintext)  # type: ignore[attr-defined] # typeshed lacks it

    assert all(re.search(rf"\b{name}\b", page) for name in PUBLIC)
    assert "THE ACTIONS" in page
