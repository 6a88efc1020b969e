"""The table of settings: each row parses its own values and refuses all others with the way out."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from shodohflo.attribution.policy import IgnoredFlow
from shodohflo.capture.filters.expression import CaptureFilter
from shodohflo.config.known import KNOWN, NUMBERS, SIBLING_PREFIXES, SIBLINGS
from shodohflo.errors import ConfigurationError

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("name", "value", "parsed"),
    [
        ("REDIS_SERVER", " db:6380 ", "db:6380"),
        ("STORE_MEMORY", 8, 8),
        ("OUTBOX_MEMORY", 8, 8),
        ("EVIDENCE_MEMORY", 4, 4),
        ("TTL_GRACE", 2**31 - 1, 2**31 - 1),
        ("PCAP_STATS", 1, 1),
        ("LOG_LEVEL", 10, "DEBUG"),
        ("LOG_LEVEL", "warning", "WARNING"),
        ("SUPPRESS_OWN_NETWORK", True, True),
        ("IGNORE_FLOW", {("192.0.2.1", 53)}, (IgnoredFlow(ip_network("192.0.2.1"), 53),)),
        ("TUNNELS", "vxlan", frozenset({"vxlan"})),
        ("TUNNELS", ["vxlan", "gtpu"], frozenset({"vxlan", "gtpu"})),
        ("ACCEPTED_FINDINGS", {"DEAD-RULE FLOW_MAPPING[2]": " kept "}, {"DEAD-RULE FLOW_MAPPING[2]": "kept"}),
        ("CAPTURE_FILTER", " not port 22 ", CaptureFilter.of("not port 22")),
        ("USE_DNSPYTHON", "whatever", "whatever"),
    ],
)
def test_a_valid_value_is_parsed(name: str, value: object, parsed: object) -> None:
    """A reader returns the value in the form in which the program uses it."""
    assert KNOWN[name].read(value) == parsed


@pytest.mark.parametrize("name", sorted(set(KNOWN) - {"USE_DNSPYTHON"}))
@pytest.mark.parametrize("value", [object(), 3.5, {"": 0}, {(1, 2, 3)}, [None], b"bytes", -1])
def test_a_value_of_another_type_is_refused_in_words(name: str, value: Any) -> None:  # noqa: ANN401 - files hold anything
    """A reader raises `ValueError` with a sentence, whatever object a configuration file holds."""
    with pytest.raises(ValueError, match=r"; .|neither True nor False|not a tunnel over UDP"):
        KNOWN[name].read(value)


@pytest.mark.parametrize(
    ("expression", "said"), [("port 80 and", "syntax error"), (" ", "leave it out"), ("ip\nor ip6", "printed")]
)
def test_a_wrong_filter_is_refused_with_the_message_of_libpcap(expression: str, said: str) -> None:
    """`check` reports it as an error of the configuration."""
    with pytest.raises(ValueError, match=said):
        KNOWN["CAPTURE_FILTER"].read(expression)


@pytest.mark.parametrize("number", [True, 0, 2**31, "60"])
def test_seconds_are_whole_numbers_in_range(number: object) -> None:
    """Booleans, texts, zero and numbers above 2**31 - 1 are refused as numbers of seconds."""
    with pytest.raises(ValueError, match="whole number from 1 to"):
        KNOWN["TTL_GRACE"].read(number)


def test_every_row_is_complete() -> None:
    """Each setting has a type, a default and a meaning that is one sentence or more."""
    assert all(
        row.name == name and row.type and row.default and row.meaning.endswith(".") for name, row in KNOWN.items()
    )


def test_variables_are_named_after_settings() -> None:
    """A variable begins with SHODOHFLO_, and no two settings share one."""
    variables = [row.variable for row in KNOWN.values() if row.variable]

    assert all(re.fullmatch("SHODOHFLO_[A-Z_]+", variable) for variable in variables)
    assert len(set(variables)) == len(variables)


def test_the_documentation_lists_every_setting() -> None:
    """`docs/reference/settings.md` has a row for each setting and its variable."""
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")

    assert [name for name, row in KNOWN.items() if f"`{name}`" not in page or row.variable not in page] == []


def test_settings_of_sibling_agents_are_none_of_ours() -> None:
    """No setting of ours has the name or the prefix of a setting of a sibling agent."""
    assert not SIBLINGS & set(KNOWN)
    assert not [name for name in KNOWN if name.startswith(SIBLING_PREFIXES)]


def test_numbers_are_the_types_that_the_environment_converts() -> None:
    """Every setting whose reader takes whole numbers only has one of the types in `NUMBERS`."""
    numeric = {name for name, row in KNOWN.items() if row.type in NUMBERS}

    assert numeric == {"STORE_MEMORY", "OUTBOX_MEMORY", "EVIDENCE_MEMORY", "TTL_GRACE", "PCAP_STATS"}


def test_a_store_that_cannot_be_parsed_is_refused() -> None:
    """A wrong URL is refused where its setting and line are known, not when the agent connects."""
    with pytest.raises((ValueError, ConfigurationError), match="the scheme must be"):
        KNOWN["REDIS_SERVER"].read("ftp://db")
