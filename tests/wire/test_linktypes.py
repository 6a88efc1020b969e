"""Names of link types: those of the registry, so that a refusal says what a capture holds."""

from __future__ import annotations

import pytest

from shodohflo.wire.decode import decode
from shodohflo.wire.linktypes import BEYOND, name_of
from shodohflo.wire.registry import LINKS
from support.feeding import refusal
from support.packets import frames_of


@pytest.mark.parametrize(
    ("number", "name"),
    [(271, "VSOCK"), (147, "USER0"), (162, "USER15"), (113, "LINUX_SLL"), (146, "146"), (999, "999")],
)
def test_a_link_type_has_its_name_or_its_number(number: int, name: str) -> None:
    """What the registry has not given out is a number."""
    assert name_of(number) == name


def test_a_link_type_that_is_not_read_is_refused_under_its_name() -> None:
    """With the number of packets beside it."""
    assert refusal(bytes(60), 271) == "link_type[VSOCK]"
    assert decode(frames_of(*[bytes(60)] * 3, layer=189)).refused == {"link_type[USB_LINUX]": 3}


def test_numbers_beyond_all_link_types_share_a_name() -> None:
    """A file may claim 65,536 of them: a ledger with so many lines would help nobody."""
    assert refusal(bytes(60), BEYOND) == refusal(bytes(60), 65_535) == "link_type[beyond]"


def test_every_link_type_that_we_read_has_a_name() -> None:
    """But for the two that are raw IP by mistake."""
    assert {row.number for row in LINKS if name_of(row.number) == str(row.number)} == {12, 14}
