"""The one-line messages on standard error by which a command reports failures and warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from shodohflo.config import Settings


def fail(message: str, program: str = "shodohflo") -> None:
    """Print `message` as one line on standard error."""
    click.echo(f"{program}: {' '.join(message.split())}", err=True)


def warn(settings: Settings) -> None:
    """Print the warnings from reading a configuration, one per line."""
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
