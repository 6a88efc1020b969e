"""What every test may ask for: captures, in the repository and outside it, and how hypothesis searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from support.machine import SHIPPED_CAPTURES, require_captures

if TYPE_CHECKING:
    from pathlib import Path

# No deadline: two cores shared with servers and namespaces make single examples slow for no fault of ours.
# `pytest --hypothesis-profile=thorough` searches longer; `again` finds the same examples every time.
settings.register_profile("suite", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("suite"), max_examples=3000)
settings.register_profile("again", settings.get_profile("suite"), derandomize=True)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def captures_dir() -> Path:
    """Return the directory of all captures, named by `CAPTURES`; skip without it, saying so (on CI: fail)."""
    return require_captures()


@pytest.fixture(scope="session")
def shipped_captures() -> Path:
    """Return the directory of the captures that are part of the repository."""
    return SHIPPED_CAPTURES
