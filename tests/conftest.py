"""What every test may ask for: captures, in the repository and outside it, and how hypothesis searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from shodohflo.rules.networks import OUR_4NETS, OUR_6NETS
from support.machine import SHIPPED_CAPTURES, require_captures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# No deadline: two cores shared with servers and namespaces make single examples slow for no fault of ours.
# `pytest --hypothesis-profile=thorough` searches longer; `again` finds the same examples every time.
settings.register_profile("suite", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("suite"), max_examples=3000)
settings.register_profile("again", settings.get_profile("suite"), derandomize=True)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _our_nets() -> Iterator[None]:
    """Leave our networks as they were: they are bound for the whole process, and so for the tests to come."""
    before = [(ours, ours.prefixes) for ours in (OUR_4NETS, OUR_6NETS)]
    yield
    for ours, prefixes in before:
        ours.prefixes = prefixes


@pytest.fixture(scope="session")
def captures_dir() -> Path:
    """Return the directory of all captures, named by `CAPTURES`; skip without it, saying so (on CI: fail)."""
    return require_captures()


@pytest.fixture(scope="session")
def shipped_captures() -> Path:
    """Return the directory of the captures that are part of the repository."""
    return SHIPPED_CAPTURES
