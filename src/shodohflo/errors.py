"""The few errors a caller must tell apart; each message names the place and the way out."""


class ShodohfloError(Exception):
    """Something the user can mend; the message is one line, fit to be printed as it is."""

    exit_code = 1


class ConfigurationError(ShodohfloError):
    """A configuration or a command line that cannot be used."""

    exit_code = 2


class CaptureError(ShodohfloError):
    """An interface or a capture file that cannot be read, or not to its end."""


class StoreError(ShodohfloError):
    """A store that cannot be reached, or that refused what it was told."""
