"""How a program ends: one line on standard error for each kind of failure, and an exit status.

0: done. 1: something could not be read, reached, found or written. 2: the command line or the configuration is wrong.
130: interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from shodohflo.cli.messages import fail
from shodohflo.cli.streams import messages_were_lost
from shodohflo.errors import ShodohfloError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INTERRUPTED: Final = 130
"""The status that shells report for a program that SIGINT ended: 128 + 2."""


class Ending:
    """A mixin for the click command of a program: errors become one line on standard error and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run, and flush standard output here, where click handles a closed pipe silently."""
        result = super().invoke(ctx)  # type: ignore[misc] # mixed into a click.Command
        sys.stdout.flush()
        return result

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> None:  # noqa: ANN401 - click's own signature
        """Run and exit; a command returns its exit status, or None for 0."""
        extra["standalone_mode"] = False
        name = prog_name or "shodohflo"
        try:
            result = super().main(args, name, **extra)  # type: ignore[misc] # mixed into a click.Command
        except click.Abort:
            # Another Ctrl-C while Python ends would replace the status by the signal.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            sys.exit(INTERRUPTED)
        except Exception as error:
            if os.environ.get("SHODOHFLO_DEBUG"):
                raise
            sys.exit(_report(error, name))
        status = result if isinstance(result, int) else 0
        sys.exit(status or int(messages_were_lost()))


@contextmanager
def leaving() -> Iterator[None]:
    """End the process at once when a program has ended with a status, after flushing the standard streams.

    Otherwise the interpreter would wait for the threads, exit handlers and finalizers that a configuration has left.
    """
    try:
        yield
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                status = status or 1
        os._exit(status)


def _report(error: Exception, program: str) -> int:
    """Print `error` and its notes, each in one line, or the help if no command was given; return the exit status."""
    match error:
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.format_message(), err=True)
            return error.exit_code
        case click.UsageError():
            path = error.ctx.command_path if error.ctx else program
            fail(f"{error.format_message().rstrip('.')}{_variable(error)} (see {path} --help)", path)
            return error.exit_code
        case click.ClickException():
            fail(error.format_message(), program)
            return error.exit_code
        case ShodohfloError():
            for line in (str(error), *getattr(error, "__notes__", ())):
                fail(line, program)
            return error.exit_code
        case OSError(strerror=str(reason), filename=str(path)):
            fail(f"{path}: {reason}", program)
        case _:
            fail(
                f"unexpected {type(error).__name__}: {error} (SHODOHFLO_DEBUG=1 shows where; please report it)", program
            )
    return 1


def _variable(error: click.UsageError) -> str:
    """Return the environment variable that the wrong value comes from, if it does."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or error.param is None or not error.param.name:
        return ""
    from_environment = error.ctx.get_parameter_source(error.param.name) is ParameterSource.ENVIRONMENT
    return f", from the variable {error.param.envvar}" if from_environment else ""
