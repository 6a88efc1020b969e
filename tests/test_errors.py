"""The errors of the program: their exit statuses, and that one `except` catches them all."""

from __future__ import annotations

import pytest

from shodohflo.errors import CaptureError, ConfigurationError, ShodohfloError, StoreError


@pytest.mark.parametrize(
    ("error", "exit_code"), [(ShodohfloError, 1), (ConfigurationError, 2), (CaptureError, 1), (StoreError, 1)]
)
def test_each_error_has_its_exit_status(error: type[ShodohfloError], exit_code: int) -> None:
    """A configuration or command line that cannot be used ends with 2, like a wrong option; the rest with 1."""
    assert error.exit_code == exit_code


@pytest.mark.parametrize("error", [ConfigurationError, CaptureError, StoreError])
def test_every_error_is_caught_as_one_and_none_as_another(error: type[ShodohfloError]) -> None:
    """The command line handles the base class; a caller that retries a store must not catch a broken capture."""
    with pytest.raises(ShodohfloError, match="place: what; way out"):
        raise error("place: what; way out")

    others = {ConfigurationError, CaptureError, StoreError} - {error}
    assert not any(issubclass(error, other) for other in others)
