"""The one-line messages on standard error by which a command reports failures and warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shodohflo.errors import closest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shodohflo.config import Settings


def fail(message: str, program: str = "shodohflo") -> None:
    """Print `message` as one line on standard error."""
    click.echo(f"{program}: {' '.join(message.split())}", err=True)


def no_such(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the message for an unknown `name`, with the closest of the `known` ones if there is one."""
    close = closest(name, known)
    return f"No such {kind} {name!r}.{f' Did you mean {close!r}?' if close else ''}"


def warn(settings: Settings) -> None:
    """Print the warnings from reading a configuration, one per line."""
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
