"""Addresses as people write them: prefixes, and names of configured networks."""

from __future__ import annotations

from ipaddress import ip_network

import click
import pytest

from shodohflo.cli.networks import parse_networks, resolve
from shodohflo.keys.networks import PublishedNetwork
from shodohflo.query.networks import NetworkDirectory

TEN = ip_network("10.0.0.0/8")
NOTES = NetworkDirectory(
    (
        (
            PublishedNetwork("our_nets", (TEN,)),
            PublishedNetwork("bert", (ip_network("10.0.0.1"),)),
            PublishedNetwork("external", (ip_network("0.0.0.0/0"),)),
        ),
    )
)


def nobody() -> NetworkDirectory:
    """Fail, where no store should be asked."""
    raise AssertionError("no name was given")


def test_prefixes_of_both_families_and_names_make_a_list() -> None:
    """What is no prefix and does not look like one is a name."""
    assert parse_networks("10.0.0.0/8,fe80::/10, ernie") == (TEN, ip_network("fe80::/10"), "ernie")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("10.0.0.1/8", "it has host bits set; write 10.0.0.0/8"),
        ("10.0.0", "'10.0.0' is not a prefix; write one like 192.0.2.0/24"),
        ("ernie/24", "'ernie/24' is not a prefix"),
        ("fe80:::1", "'fe80:::1' is not a prefix"),
        ("", "'' is not a prefix"),
        ("10.0.0.1,", "'' is not a prefix"),
    ],
)
def test_a_prefix_with_a_mistake_is_not_taken_for_a_name(text: str, complaint: str) -> None:
    """The message shows a correct prefix, as that of other options does."""
    with pytest.raises(click.BadParameter) as caught:
        parse_networks(text)

    assert complaint in caught.value.message


def test_names_are_looked_up_and_prefixes_are_not() -> None:
    """The directory, which takes a store to make, is asked only if there is a name."""
    assert resolve((TEN,), nobody) == (TEN,)
    assert resolve(("our_nets", ip_network("::1")), lambda: NOTES) == (TEN, ip_network("::1"))


@pytest.mark.parametrize(
    ("name", "directory", "complaint"),
    [
        ("externl", NOTES, "is neither a prefix nor a configured network; did you mean external?"),
        ("zzz", NOTES, "the networks are our_nets, bert, external"),
        ("bert", NOTES, "has no addresses: it has no prefix, or earlier networks take them all"),
        ("bert", NetworkDirectory(()), "no agent has published networks here"),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(
    name: str, directory: NetworkDirectory, complaint: str
) -> None:
    """A network without addresses is an error too, because an empty filter would match everything."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        resolve((name,), lambda: directory)

    assert complaint in str(caught.value)
