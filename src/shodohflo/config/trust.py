"""Reading a configuration file: it is code, so a privileged process takes only what nobody else could have written."""

from __future__ import annotations

from errno import ENOENT
from pathlib import Path
from typing import Final

from shodohflo.errors import ConfigurationError
from shodohflo.process.opening import UntrustedError, read_regular, read_trusted

SAFE_PLACE: Final = Path("/etc/shodohflo/configuration.py")
"""Where root's configuration belongs; the last of the files that `run` looks for."""


def read_bytes(path: Path, *, privileged: bool) -> bytes:
    """Return the bytes of the configuration `path`, which must be executed as they are, not read again.

    With `privileged`, the file, the folder of each symbolic link to it, and every folder up to `/` must belong to root
    or to the user of this process, and nobody else may write them. Raise `ConfigurationError` for any other file.
    """
    try:
        return read_trusted(path) if privileged else read_regular(path)
    except UntrustedError as error:
        raise ConfigurationError(_refusal(path, error)) from error
    except OSError as error:
        raise ConfigurationError(f"{path}: {_why_unread(path, error)}") from error


def _why_unread(path: Path, error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return f"is a directory; name the file in it, such as {path / SAFE_PLACE.name}"
    return "no such file" if error.errno == ENOENT else str(error.strerror)


def _refusal(path: Path, error: UntrustedError) -> str:
    """Return why `path` is refused, and what to do.

    `chown` is never the advice: whoever owns a folder further up could still replace the file, and whoever has the file
    open could still write to it. A copy has neither problem.
    """
    what = "it" if error.place == path.absolute() else error.place
    way_out = f"chmod go-w {error.place}, once you have read the file"
    if not error.curable:
        way_out = f"copy it to where only root can write, as in `sudo install -D -m 644 {path} {SAFE_PLACE}`"
    return f"{path}: not run with the rights of root, because {what} {error.wrong} (a configuration is code): {way_out}"
