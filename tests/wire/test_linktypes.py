"""Names of link types without a decoder: a refusal names the content of a capture as tcpdump.org does."""

from __future__ import annotations

import pytest

from shodohflo.wire.decode import decode
from shodohflo.wire.linktypes import BEYOND, name_of
from shodohflo.wire.registry import LINKS
from support.feeding import refusal
from support.packets import frames_of


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (271, "VSOCK"),
        (147, "USER0"),
        (162, "USER15"),
        (220, "USB_LINUX_MMAPPED"),
        (109, "ENC"),
        (301, "DECT_NR"),
        (208, "208"),
        (999, "999"),
    ],
)
def test_a_link_type_has_its_name_or_its_number(number: int, name: str) -> None:
    """A link type that the registry does not name is named by its number."""
    assert name_of(number) == name


def test_a_link_type_that_is_not_read_is_refused_under_its_name() -> None:
    """Frames of a link type without a decoder are counted as refused under its name."""
    assert refusal(bytes(60), 271) == "link_type[VSOCK]"
    assert decode(frames_of(*[bytes(60)] * 3, layer=189)).refused == {"link_type[USB_LINUX]": 3}


def test_numbers_beyond_all_link_types_share_a_name() -> None:
    """Numbers beyond all link types share one name, so that a hostile file cannot fill the ledger."""
    assert refusal(bytes(60), BEYOND) == refusal(bytes(60), 65_535) == "link_type[beyond]"


def test_a_link_type_is_named_in_one_table() -> None:
    """A decoded link type has its name in `LINKS` only, so a new decoder takes its line out of `linktypes`."""
    assert {row.number: name_of(row.number) for row in LINKS} == {row.number: str(row.number) for row in LINKS}


def test_every_link_type_that_we_read_has_a_name() -> None:
    """Every decoded link type has a name, except the two numbers that old systems used for raw IP."""
    assert {row.number for row in LINKS if not row.name} == {12, 14}
    assert len({row.name for row in LINKS}) == len(LINKS) - 1
