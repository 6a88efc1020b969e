"""Names of agents: what may be part of a key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.grammar import AGENT
from shodohflo.keys.naming import LABEL, LONGEST_NAME, agent_name, is_agent_name


@pytest.mark.parametrize(
    ("text", "name"),
    [("bert", "bert"), ("Bert", "bert"), ("BERT.Example.NET", "bert.example.net"), ("probe_2-a", "probe_2-a")],
)
def test_a_name_is_in_lower_case(text: str, name: str) -> None:
    """Names of hosts are names of agents; their case is lost, as it is in DNS."""
    assert agent_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        *("", "bert;flow", "be*rt", "be?rt", "[ab]", "a\\b", "a b", "a\tb", "a\nb", "a\x1b]0;x\x07", "a\x7f", "-bert"),
        *("b\u00e9rt", "\u0130", "a\u202eb", "a\ud800", "a\x00", '"bert"', ".bert"),
    ],
)
def test_what_would_break_a_key_a_pattern_or_a_terminal_is_refused(text: str) -> None:
    """The error says what a name may have, and can be printed."""
    with pytest.raises(ValueError, match="write ASCII letters, digits") as caught:
        agent_name(text)

    assert str(caught.value).isprintable()


def test_the_key_of_the_longest_name_fits_a_dns_label() -> None:
    """RKVDNS shows `agent;<name>` as one label."""
    assert len(AGENT + agent_name("x" * LONGEST_NAME)) == LABEL
    with pytest.raises(ValueError, match=f"at most {LONGEST_NAME} characters"):
        agent_name("x" * (LONGEST_NAME + 1))


@given(st.text())
def test_a_name_that_is_taken_is_taken_again_unchanged(text: str) -> None:
    """What passes once is in its final form: printable ASCII without separators and signs of patterns."""
    try:
        name = agent_name(text)
    except ValueError:
        return
    assert agent_name(name) == name
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set("; *?[]\\^\"'")
    assert is_agent_name(name)


@pytest.mark.parametrize("name", ["", "Bert", "a;b", "-bert", "x" * (LONGEST_NAME + 1), "bert\n"])
def test_what_would_be_changed_or_refused_is_no_name(name: str) -> None:
    """A reader takes only names that an agent can have."""
    assert not is_agent_name(name)
