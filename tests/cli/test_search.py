"""The filter of the live table, as it is typed."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from shodohflo.cli.search import parse_search
from shodohflo.keys.networks import PublishedNetwork
from shodohflo.query.filters import Filter
from shodohflo.query.networks import NetworkDirectory
from shodohflo.report.busiest import Search

ERNIE = ip_network("10.0.0.2")
NOTES = NetworkDirectory(((PublishedNetwork("ernie", (ERNIE,)),),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Search()),
        ("office  https", Search(texts=("office", "https"))),
        ("port=ssh,8000-8001", Search(Filter(ports=frozenset({22, 8000, 8001})))),
        ("port=22 port=80", Search(Filter(ports=frozenset({22, 80})))),
        ("client=ernie not-service=ernie", Search(Filter(clients=(ERNIE,), not_services=(ERNIE,)))),
        ("Protocol=UDP 10.0", Search(Filter(protocols=frozenset({"udp"})), ("10.0",))),
    ],
)
def test_words_with_an_equals_sign_are_filters_and_others_are_texts(text: str, expected: Search) -> None:
    """The filters are those of the readers, with names of the agent's own networks."""
    assert parse_search(text, NOTES) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prot=22", "prot= is no filter; did you mean port=?"),
        ("=22", "= is no filter; there are client=, service=, port=, protocol=, evidence=, not-client="),
        ("port=sssh", "port: there is no port called 'sssh'; did you mean ssh?"),
        ("port=", "port: there is no port called ''"),
        ("client=10.0.0.1/8", "client: '10.0.0.1/8' is not a prefix: it has host bits set; write 10.0.0.0/8"),
        ("client=erni", "client: 'erni' is neither a prefix nor a configured network; did you mean ernie?"),
        ("protocol=icmp", "protocol: 'icmp' is not one of tcp, udp"),
    ],
)
def test_a_mistake_is_told_with_its_word(text: str, complaint: str) -> None:
    """The message has the name of the filter, and the way out."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        parse_search(text, NOTES)

    assert complaint in str(caught.value)
