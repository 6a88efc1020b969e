"""The filters that all listings share: from words on the command line to a filter."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from shodohflo.cli.filters import ENDS, OF_FLOWS, OF_RECON, SINCE, AskedFor, filtered, parse_evidence
from shodohflo.keys.networks import PublishedNetwork
from shodohflo.query.filters import Filter
from shodohflo.query.networks import NetworkDirectory

if TYPE_CHECKING:
    from click.testing import Result

NOTES = NetworkDirectory(((PublishedNetwork("ernie", (ip_network("10.0.0.2"),)),),))


def _asked(*words: str) -> tuple[Result, list[AskedFor]]:
    """Return the result of a command with all filters, and what it was asked."""
    got: list[AskedFor] = []

    @click.command()
    @filtered(ENDS, OF_FLOWS, OF_RECON, SINCE)
    @click.option("--other", default=3)
    def command(*, asked: AskedFor, other: int) -> int:
        """Keep what was asked."""
        assert other == 3
        got.append(asked)
        return 0

    return CliRunner().invoke(command, words), got


def _filter(*words: str) -> Filter:
    result, got = _asked(*words)
    assert result.exit_code == 0, result.output
    return got[0].to_filter(lambda: NOTES, now=0.0)


def test_no_option_is_an_empty_filter() -> None:
    """A command without filters takes everything."""
    assert _asked()[1] == [AskedFor()]
    assert _filter().is_empty


def test_every_option_finds_its_place_in_the_filter() -> None:
    """Lists and repeated options add up, each exclusion beside its opposite, and names become prefixes."""
    words = (
        "--client 10.0.0.0/8,ernie --client ::1 --not-client 10.0.0.1 --service 192.0.2.0/24 --not-service ernie "
        "--port ssh,80 --port 8000-8001 --not-port 53 --protocol TCP,udp --not-protocol udp --kind rst "
        "--evidence handshake,own-socket --not-evidence one-way-churn --guessed"
    )

    assert _filter(*words.split()) == Filter(
        clients=(ip_network("10.0.0.0/8"), ip_network("10.0.0.2"), ip_network("::1")),
        services=(ip_network("192.0.2.0/24"),),
        ports=frozenset({22, 80, 8000, 8001}),
        protocols=frozenset({"tcp", "udp"}),
        kinds=frozenset({"rst"}),
        not_clients=(ip_network("10.0.0.1"),),
        not_services=(ip_network("10.0.0.2"),),
        not_ports=frozenset({53}),
        not_protocols=frozenset({"udp"}),
        evidence=frozenset({"handshake", "own socket", "guessed"}),
        not_evidence=frozenset({"one-way churn"}),
    )


@pytest.mark.parametrize("typed", ["own-socket,Handshake", "own socket, handshake", " own-socket , HANDSHAKE "])
def test_words_of_evidence_need_no_quotation_marks(typed: str) -> None:
    """A blank in a word of evidence may be typed as a hyphen, and the case does not matter."""
    assert parse_evidence(typed) == {"own socket", "handshake"}


def test_an_unknown_word_of_evidence_is_told_with_the_nearest() -> None:
    """The message names what can be typed."""
    with pytest.raises(ValueError, match="did you mean guessed"):
        parse_evidence("gessed")


def test_a_moment_becomes_an_age() -> None:
    """`--since` is a moment, and the filter has the greatest age at the time of the query."""
    _, got = _asked("--since", "2001-09-09T01:46:40Z")

    assert got[0].since == 1_000_000_000
    assert got[0].to_filter(lambda: NOTES, now=1_000_000_060.0).within == 60


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--port sssh", "Invalid value for '--port': there is no port called 'sssh'; did you mean ssh?"),
        ("--protocol tpc", "Invalid value for '--protocol': 'tpc' is not one of tcp, udp; did you mean tcp?"),
        ("--kind all", "Invalid value for '--kind': 'all' is not one of rst, icmp"),
        ("--since 10", "Invalid value for '--since': 10 of what?"),
        ("--not-client 10.0.0.1/8", "host bits set; write 10.0.0.0/8"),
    ],
)
def test_a_mistake_is_told_with_its_option(words: str, complaint: str) -> None:
    """The message names the option and the way out; the status is 2."""
    result, _ = _asked(*words.split())

    assert result.exit_code == 2
    assert complaint in " ".join(result.output.split())


def test_an_unknown_network_is_told_with_its_option() -> None:
    """A name that no agent publishes is an error of the option that has it."""
    _, got = _asked("--not-service", "erni")

    with pytest.raises(click.UsageError, match=r"--not-service: 'erni' is neither .* did you mean ernie"):
        got[0].to_filter(lambda: NOTES, now=0.0)
