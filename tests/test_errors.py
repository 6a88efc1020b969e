"""The errors of the program: their exit statuses and their common base class."""

from __future__ import annotations

import pytest

from shodohflo.errors import CaptureError, ConfigurationError, ShodohfloError, StoreError


@pytest.mark.parametrize(
    ("error", "exit_code"), [(ShodohfloError, 1), (ConfigurationError, 2), (CaptureError, 1), (StoreError, 1)]
)
def test_each_error_has_its_exit_status(error: type[ShodohfloError], exit_code: int) -> None:
    """A configuration error exits with 2, like a wrong option, and all other errors with 1."""
    assert error.exit_code == exit_code


@pytest.mark.parametrize("error", [ConfigurationError, CaptureError, StoreError])
def test_every_error_is_caught_as_one_and_none_as_another(error: type[ShodohfloError]) -> None:
    """Every error is caught as the base class and none as another error: retrying a store hides no broken capture."""
    with pytest.raises(ShodohfloError, match="place: what; way out"):
        raise error("place: what; way out")

    others = {ConfigurationError, CaptureError, StoreError} - {error}
    assert not any(issubclass(error, other) for other in others)
