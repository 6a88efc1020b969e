"""The errors that callers distinguish; each message names the place and the remedy."""


class ShodohfloError(Exception):
    """A problem that the user can solve; the message is one line that can be printed as it is."""

    exit_code = 1


class ConfigurationError(ShodohfloError):
    """An invalid configuration or command line."""

    exit_code = 2


class CaptureError(ShodohfloError):
    """An interface or a capture file that cannot be read completely."""


class StoreError(ShodohfloError):
    """A store that cannot be reached, or that rejected a command."""
