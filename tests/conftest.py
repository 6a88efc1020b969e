"""Fixtures for all tests: captures inside and outside the repository, and the profiles of hypothesis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from support.machine import SHIPPED_CAPTURES, require_captures

if TYPE_CHECKING:
    from pathlib import Path

# No deadline: on two cores shared with servers and namespaces, single examples may be slow by chance.
# `pytest --hypothesis-profile=thorough` searches longer; `again` finds the same examples every time.
settings.register_profile("suite", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("suite"), max_examples=3000)
settings.register_profile("again", settings.get_profile("suite"), derandomize=True)
settings.load_profile("suite")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests have recorded with `record_property("figures", line)`."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    properties = [each for report in reports for each in getattr(report, "user_properties", [])]
    lines = [str(value) for name, value in properties if name == "figures"]
    if lines:
        terminalreporter.section("figures")
        terminalreporter.write("\n".join([*sorted({*lines}), ""]))


@pytest.fixture(scope="session")
def captures_dir() -> Path:
    """Return the directory of all captures, named by `CAPTURES`; without it, skip the test (on CI: fail)."""
    return require_captures()


@pytest.fixture(scope="session")
def shipped_captures() -> Path:
    """Return the directory of the captures that are part of the repository."""
    return SHIPPED_CAPTURES
