"""Link types: each has one number, whatever program wrote the file."""

from __future__ import annotations

import numpy as np
import pytest

from shodohflo.capture.files.linktypes import largest_capture, link_type, link_types
from shodohflo.wire.registry import TABLE

ETHERNET, RAW, USB = 1, 101, 220


@pytest.mark.parametrize(
    ("field", "number"),
    [(1, 1), (101, RAW), (11, 100), (15, 102), (16, 103), (228, 228), (276, 276), (65535, 65535)],
)
def test_numbers_of_single_systems_become_those_of_the_registry(field: int, number: int) -> None:
    """Numbers that only some systems use become those of the registry."""
    assert link_type(field) == number
    assert link_types(np.array([field, field | 0xA0000000, 1], np.uint32)).tolist() == [number, number, 1]


@pytest.mark.parametrize("field", [12, 14])
def test_raw_ip_of_single_systems_is_decoded_as_raw_ip(field: int) -> None:
    """The numbers of raw IP that only some systems use keep their own rows of the registry, with the same decoder."""
    assert TABLE.get(link_type(field)) is TABLE.get(RAW)


def test_only_the_lower_half_is_a_link_type() -> None:
    """Only the lower half of the field is the link type; the upper half is about frame check sequences."""
    assert [link_type(upper << 16 | ETHERNET) for upper in (0x0400, 0xF400, 0xFFFF)] == [ETHERNET] * 3


@pytest.mark.parametrize(
    ("link", "snap_length", "limit"),
    [
        (ETHERNET, 68, 2**18),
        (ETHERNET, 0, 2**18),
        (ETHERNET, 2**24, 2**24),
        (ETHERNET, 2**24 + 1, 2**18),
        (ETHERNET, 2**32 - 1, 2**18),
        (USB, 65535, 2**27),
    ],
)
def test_a_capture_is_bounded_whatever_the_file_says(link: int, snap_length: int, limit: int) -> None:
    """The size of a packet is bounded, and only some link types or a plausible snapshot length raise the bound."""
    assert largest_capture(link, snap_length) == limit
