"""The table of every header we read: what is usual first, every sound form of it tested, nothing registered twice."""

from __future__ import annotations

from functools import partial

import pytest

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import IPV4_PAYLOAD, IPV6_PAYLOAD, PPP_PAYLOAD
from shodohflo.wire.registry import ETHERTYPES, IPV4_PAYLOADS, IPV6_PAYLOADS, LINKS, PPP_PROTOCOLS, TABLE
from support.sound import FLAT

PARTS = {
    "link types": (0, LINKS),
    "EtherTypes": (ETHERTYPE, ETHERTYPES),
    "PPP protocols": (PPP_PAYLOAD, PPP_PROTOCOLS),
    "IPv4 payloads": (IPV4_PAYLOAD, IPV4_PAYLOADS),
    "IPv6 payloads": (IPV6_PAYLOAD, IPV6_PAYLOADS),
}


@pytest.mark.parametrize(("base", "decoders"), PARTS.values(), ids=PARTS)
def test_every_decoder_is_in_the_table(base: int, decoders: dict[int, object]) -> None:
    """Under its number and the base of its kind."""
    assert all(TABLE.get(base + number) is decoder for number, decoder in decoders.items())


def test_kinds_of_numbers_do_not_overlap() -> None:
    """A number of one kind is never taken for one of another."""
    layers = [base + number for base, decoders in PARTS.values() for number in decoders]

    assert len(layers) == len(set(layers))
    assert set(layers) <= set(TABLE.layers())


def test_every_link_type_has_a_sound_frame_in_the_tests() -> None:
    """Whoever registers a link type writes down what it looks like."""
    assert {layer for layer, _, _ in FLAT.values() if layer < ETHERTYPE} == LINKS.keys()


def test_every_decoder_has_a_docstring_that_says_what_it_does() -> None:
    """Layout and source stand at the top of its file."""
    decoders = [TABLE.get(layer) for layer in TABLE.layers()]
    functions = {decoder.func if isinstance(decoder, partial) else decoder for decoder in decoders}

    assert [function for function in functions if not (function and function.__doc__)] == []


def test_what_is_usual_stands_first_in_the_table_of_all() -> None:
    """The fast path is found after one or two comparisons."""
    assert TABLE.numbers(ETHERTYPE)[:2] == [0x0800, 0x86DD]
    assert TABLE.numbers(IPV4_PAYLOAD)[:2] == [6, 17]
