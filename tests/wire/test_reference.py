"""What is read, said for people: every number that a decoder reads, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shodohflo.wire import reference
from shodohflo.wire.registry import ETHERTYPES, IPV4_PAYLOADS, IPV6_PAYLOADS, LINKS, PPP_PROTOCOLS
from shodohflo.wire.tunnels import UDP_TUNNELS
from support.feeding import refusal
from support.packets import ethernet, ip
from support.sound import ETHER, RAW, A, B

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TOLD: dict[str, tuple[Callable[[], Iterable[reference.Row]], Iterable[int]]] = {
    "link types": (reference.link_types, LINKS),
    "EtherTypes": (reference.ethertypes, [number for number in ETHERTYPES if number > 1500]),
    "PPP protocols": (reference.ppp_protocols, PPP_PROTOCOLS),
    "IP protocols": (reference.ip_protocols, IPV4_PAYLOADS.keys() | IPV6_PAYLOADS.keys()),
}


@pytest.mark.parametrize(("rows", "read"), TOLD.values(), ids=TOLD)
def test_every_number_that_is_read_is_told_of_and_no_other(
    rows: Callable[[], Iterable[reference.Row]], read: Iterable[int]
) -> None:
    """With words, in ascending order."""
    told = list(rows())

    assert [int(row.number, 0) for row in told] == sorted(read)
    assert all(row.meaning for row in told)


def test_a_new_decoder_without_words_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so are words for a decoder that is gone, which would promise too much."""
    monkeypatch.setattr(reference, "LINKS", {**LINKS, 99: LINKS[1]})

    with pytest.raises(KeyError):
        list(reference.link_types())

    monkeypatch.setattr(reference, "LINKS", {number: LINKS[number] for number in LINKS if number != 276})
    assert [int(row.number) for row in reference.link_types()] != sorted(LINKS.keys() - {276})


def test_link_types_have_the_names_of_refusals() -> None:
    """The same word wherever a link type is named."""
    names = {row.number: row.name for row in reference.link_types()}

    assert names["113"] == "LINUX_SLL"
    assert names["12"] == ""


@pytest.mark.parametrize("number", [4, 6, 17, 47, 50, 60, 132, 135])
@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_a_protocol_is_read_in_the_families_that_are_told(number: int, family: str) -> None:
    """Nothing that is told of is refused as a protocol that we don't record, and everything else is."""
    told = {row.number: row.name for row in reference.ip_protocols()}
    packet = ip(bytes(40), number, *([A, B] if family == "IPv6" else []))

    refused_as_protocol = refusal_or_found(packet) == "protocol"

    assert refused_as_protocol == (family not in told.get(str(number), ""))


def refusal_or_found(packet: bytes) -> str:
    """Return why `packet` is refused, or nothing."""
    try:
        return refusal(packet, RAW)
    except (AssertionError, ValueError):
        return ""


def test_what_is_not_told_of_carries_no_ip() -> None:
    """The EtherTypes next to ours, for example."""
    told = {int(row.number, 0) for row in reference.ethertypes()}

    for number in {neighbour for known in told for neighbour in (known - 1, known + 1)} - told:
        assert refusal(ethernet(bytes(60), number), ETHER) == "not_ip"


def test_every_tunnel_is_told_of_with_its_ports() -> None:
    """By the name that `TUNNELS` takes."""
    told = {row.name: row.number for row in reference.udp_tunnels()}

    assert told.keys() == UDP_TUNNELS.keys()
    assert told["vxlan"] == "to 4789 and 8472"
    assert told["gtpu"] == "to 2152, and from"


def test_bounds_are_told() -> None:
    """Whoever wonders about `too_deep` finds them."""
    assert all(number > 0 for number in reference.bounds().values())
