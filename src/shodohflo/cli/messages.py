"""The one-line messages on standard error by which a program reports a failure."""

from __future__ import annotations

import click


def fail(message: str, program: str = "shodohflo") -> None:
    """Print `message` as one line on standard error."""
    click.echo(f"{program}: {' '.join(message.split())}", err=True)
