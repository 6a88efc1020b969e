"""Exactly one marked side is the service; both or none is a tie."""

from __future__ import annotations

import numpy as np
import pytest

from shodohflo.attribution.evidence.sides import Service, only, only_one


@pytest.mark.parametrize(
    ("first", "second", "service"),
    [
        (False, False, Service.UNKNOWN),
        (True, False, Service.SIDE_0),
        (False, True, Service.SIDE_1),
        (True, True, Service.UNKNOWN),
    ],
)
def test_a_side_is_the_service_if_it_alone_is_marked(first: bool, second: bool, service: Service) -> None:  # noqa: FBT001
    """For one flow and for columns alike."""
    assert only_one(first, second) == service
    assert only(np.array([first]), np.array([second])).tolist() == [service]
